"""Numbers the paper reports, to stand beside ours. Percentages where nothing else is said."""

N_S = (1, 2, 3, 4, 5, 8)
ALPHAS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
OUTPUTS = ("top-1", "top-3", "top-5", "top-1-p-dec-2", "p-dec-1", "p-dec-2")

MEASURED_ON = {
    "trojan": "VGG-Face",
    "error-generic poisoning": "GTSRB",
    "error-specific poisoning": "GTSRB",
    "compression to 8 bits": "CIFAR-10",
    "arbitrary weights": "AT&T",
}
"""The data set of each attack, by the beginnings of our names of the attacks."""


def measured_on(attack: str) -> str | None:
    """The data set on which the paper measured an attack, or None."""
    return next((where for name, where in MEASURED_ON.items() if attack.startswith(name)), None)


ACCURACY = {"lfw": 74.8, "gtsrb": 95.6, "cifar10": 87.59, "att_faces": 95.0}
"""Original accuracy of the model (Table 2); the paper's VGG-16 saw VGG-Face where ours sees LFW."""

SUCCESS = {"trojan": 100.0, "error-generic poisoning": 98.6, "error-specific poisoning": 87.3}
"""Success rate of the attacks that have a target (Table 2)."""

ACCURACY_AFTER = {"compression to 8 bits": 86.94}
"""Accuracy of the compressed model (Table 2)."""

TABLE_3 = {
    "trojan": (5.93, 0.22, 0.00, 0.00, 0.00, 0.00),
    "error-generic poisoning": (12.26, 0.04, 0.01, 0.00, 0.00, 0.00),
    "error-specific poisoning": (2.20, 0.01, 0.00, 0.00, 0.00, 0.00),
    "compression to 8 bits": (48.93, 15.56, 4.72, 1.81, 0.83, 0.04),
}
"""Missing rates of Sensitive-Samples + MANC, top-1 output, for N_S samples."""

TABLE_4 = {
    "top-1": (5.93, 0.22, 0.00),
    "top-3": (0.00, 0.00, 0.00),
    "top-5": (0.00, 0.00, 0.00),
    "top-1-p-dec-2": (0.43, 0.00, 0.00),
    "p-dec-1": (0.21, 0.00, 0.00),
    "p-dec-2": (0.00, 0.00, 0.00),
}
"""Missing rates of Sensitive-Samples + MANC under the trojan, for 1, 2 and 3 samples."""

TABLE_5 = {
    "trojan": {
        "non-sensitive": (21, 28, 38, 47, 56, 65, 74),
        "sensitive + random": (3, 4, 6, 7, 8, 9, 10),
        "sensitive + MANC": (2, 2, 3, 3, 3, 4, 4),
    },
    "error-generic poisoning": {
        "non-sensitive": (83, 125, 166, 208, 249, 291, 332),
        "sensitive + random": (4, 6, 7, 9, 11, 12, 14),
        "sensitive + MANC": (2, 2, 3, 4, 4, 4, 4),
    },
    "error-specific poisoning": {
        "non-sensitive": (77, 116, 155, 193, 232, 270, 309),
        "sensitive + random": (3, 4, 6, 7, 8, 9, 11),
        "sensitive + MANC": (2, 2, 3, 3, 3, 3, 3),
    },
    "compression to 8 bits": {
        "non-sensitive": (126, 189, 252, 314, 376, 439, 502),
        "sensitive + random": (20, 29, 40, 51, 59, 70, 78),
        "sensitive + MANC": (8, 18, 25, 28, 30, 31, 31),
    },
}
"""Samples needed for a missing rate of ALPHAS."""

TABLE_6 = {
    "error-generic poisoning": ((12.26, 0.04, 0.01, 0.00, 0.00), (4.82, 0.01, 0.00, 0.00, 0.00)),
    "error-specific poisoning": ((2.20, 0.01, 0.00, 0.00, 0.00), (0.02, 0.00, 0.00, 0.00, 0.00)),
}
"""Missing rates of Sensitive-Samples + MANC for 1 to 5 samples, before and after adversarial fine-tuning."""

SECONDS_PER_SAMPLE = 3.2
"""To generate one Sensitive-Sample, on an Nvidia 1080Ti (Section 4.3)."""
