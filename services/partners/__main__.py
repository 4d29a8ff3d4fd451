"""python -m services.partners"""

from services.partners.app import build_app
from services.partners.settings import PartnersSettings
from shared.process.run import run
from shared.process.settings import read

if __name__ == "__main__":
    run(build_app(read(PartnersSettings)))
