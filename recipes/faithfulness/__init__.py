"""Do class activation maps tell the truth? The study behind ``assets/faithfulness``."""
