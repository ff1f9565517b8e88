"""What cheating pays: policies that do not do what is asked, scored by a spec's reward or by a verl run's."""
