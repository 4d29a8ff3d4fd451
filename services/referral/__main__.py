"""python -m services.referral"""

from services.referral.app import build_app
from services.referral.settings import ReferralSettings
from shared.process.run import run
from shared.process.settings import read

if __name__ == "__main__":
    run(build_app(read(ReferralSettings)))
