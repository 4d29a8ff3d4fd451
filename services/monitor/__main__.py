"""python -m services.monitor"""

from services.monitor.app import build_app
from services.monitor.settings import MonitorSettings
from shared.service import run
from shared.settings import read

if __name__ == "__main__":
    run(build_app(read(MonitorSettings)))
