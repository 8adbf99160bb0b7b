"""Parameters of functions: a decorator that validates them."""

from functools import wraps
from inspect import signature

from sklearn import config_context, get_config

from sklearn_contrastive._validation._values import check_params


def validate(rules, skip_nested=True):
    """Return a decorator that validates the parameters of a function."""

    def decorate(function):
        @wraps(function)
        def checked(*args, **kwargs):
            skipped = get_config()["skip_parameter_validation"]
            if not skipped:
                given = signature(function).bind(*args, **kwargs)
                given.apply_defaults()
                check_params(function.__qualname__, rules, given.arguments)
            with config_context(skip_parameter_validation=skip_nested or skipped):
                return function(*args, **kwargs)

        return checked

    return decorate
