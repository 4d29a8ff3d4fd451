"""A unit's group on its road: referred, matched, placed, met. A fold of its own, beside that of a client's referral."""
