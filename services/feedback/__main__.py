"""python -m services.feedback"""

from services.feedback.app import build_app
from services.feedback.settings import FeedbackSettings
from shared.process.run import run
from shared.process.settings import read

if __name__ == "__main__":
    run(build_app(read(FeedbackSettings)))
