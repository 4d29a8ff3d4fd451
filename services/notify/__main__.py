"""python -m services.notify"""

from services.notify.app import build_app
from services.notify.settings import NotifySettings
from shared.service import run
from shared.settings import read

if __name__ == "__main__":
    run(build_app(read(NotifySettings)))
