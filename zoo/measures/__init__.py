"""Mathematics that several floors need: statistics, figures of classifiers and of predicted numbers, calibration."""
