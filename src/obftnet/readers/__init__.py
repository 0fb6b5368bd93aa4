"""Readers turn a relation into the logit of defect: the paper's 4D encoder, and the cues' 2D U-Net."""
