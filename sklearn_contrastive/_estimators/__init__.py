"""The estimators: parameters, plan, fit and transform."""
