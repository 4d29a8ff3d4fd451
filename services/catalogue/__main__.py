"""python -m services.catalogue"""

from services.catalogue.app import build_app
from services.catalogue.settings import CatalogueSettings
from shared.process.run import run
from shared.process.settings import read

if __name__ == "__main__":
    run(build_app(read(CatalogueSettings)))
