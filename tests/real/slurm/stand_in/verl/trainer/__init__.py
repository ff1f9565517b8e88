"""The stand-in's main_ppo; all else of `verl.trainer` is the wheel's."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
