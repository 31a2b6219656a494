"""How far two sets of logits are apart."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Distance:
    kl_mean: float      # nats per position, of the first from the second: sum p log(p / q)
    kl_max: float
    same_top: float     # share of positions whose most probable token is the same
    logit_max: float    # largest difference of two logits
    logit_rms: float    # root mean square difference

    def __str__(self):
        return (f"KL mean {self.kl_mean:.3e}, max {self.kl_max:.3e}; same top {100 * self.same_top:.2f} %; "
                f"logits differ by at most {self.logit_max:.3e}, rms {self.logit_rms:.3e}")


def log_softmax(logits):
    x = np.asarray(logits, np.float64)
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def kl_divergence(log_p, log_q):
    """Per row, in nats."""
    return (np.exp(log_p) * (log_p - log_q)).sum(axis=-1)


def distance(reference, other):
    """Of logits [rows, vocabulary] from a reference's. A value that is not finite fails."""
    if not np.isfinite(other).all():
        raise ValueError("there are logits that are not finite")
    kl = kl_divergence(log_softmax(reference), log_softmax(other))
    difference = np.asarray(other, np.float64) - np.asarray(reference, np.float64)
    return Distance(float(kl.mean()), float(kl.max()), float((reference.argmax(-1) == other.argmax(-1)).mean()),
                    float(np.abs(difference).max()), float(np.sqrt((difference * difference).mean())))
