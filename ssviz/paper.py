"""Numbers the paper reports, to stand beside ours."""

N_S = (1, 2, 3, 4, 5, 8)
TABLE_3 = {
    "neural network trojan": (5.93, 0.22, 0.00, 0.00, 0.00, 0.00),
    "error-generic poisoning": (12.26, 0.04, 0.01, 0.00, 0.00, 0.00),
    "error-specific poisoning": (2.20, 0.01, 0.00, 0.00, 0.00, 0.00),
    "compression to 8 bits": (48.93, 15.56, 4.72, 1.81, 0.83, 0.04),
}
"""Missing rates in percent of Sensitive-Samples + MANC, top-1 output, for N_S samples."""
