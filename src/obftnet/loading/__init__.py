"""An episode's files as features and relations, each computed once: what training and evaluation share."""
