"""python -m services.notify"""

from services.notify.app import build_app
from services.notify.settings import NotifySettings
from shared.process.run import run
from shared.process.settings import read

if __name__ == "__main__":
    run(build_app(read(NotifySettings)))
