"""What cheating pays: policies that do not do what is asked, scored by the very reward of a spec or of a run of verl's."""
