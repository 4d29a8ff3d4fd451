"""python -m services.monitor"""

from services.monitor.app import build_app
from services.monitor.settings import MonitorSettings
from shared.process.run import run
from shared.process.settings import read

if __name__ == "__main__":
    run(build_app(read(MonitorSettings)))
