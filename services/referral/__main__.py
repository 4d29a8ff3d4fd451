"""python -m services.referral"""

from services.referral.app import build_app
from services.referral.settings import ReferralSettings
from shared.service import run
from shared.settings import read

if __name__ == "__main__":
    run(build_app(read(ReferralSettings)))
