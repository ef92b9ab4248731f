"""Runs of the alerts in processes that may be killed. One process has everything imported and forks one for each run.

Reads lines of JSON: the store, the bundle, the port of a mail server, the moment, and at which step the run kills
itself (0: never). Answers the child's process id, and when it has ended, how.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path

from alert_board import SETTINGS

from serving.alerts.postman import SmtpPostman
from serving.alerts.run import Run
from serving.alerts.settings import SmtpSettings
from serving.store import Store
from serving.store.turn import TurnTaken

TAKEN = 3  # exit status of a run that found another one at work


def run(asked):
    count, lock = [0], threading.Lock()

    def steps(step):
        with lock:
            count[0] += 1
            if count[0] == asked["step"]:
                os.kill(os.getpid(), signal.SIGKILL)

    smtp = SmtpSettings(host="127.0.0.1", port=asked["port"], connections=asked["connections"], seconds=10)
    settings = SETTINGS.model_copy(update={"smtp": smtp, "lease_seconds": asked["lease"], "chunk": 5})
    with Store.open(asked["store"]) as store:
        try:
            moment = asked["moment"]
            Run(
                store, Path(asked["bundle"]), settings, lambda: SmtpPostman(smtp, steps), None, lambda: moment, steps
            ).run()
        except TurnTaken:
            return TAKEN
    return 0


def main():
    running = 0
    for line in sys.stdin:
        asked = json.loads(line)
        for _ in range(asked["times"]):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    status = run(asked)
                finally:
                    sys.stderr.flush()
                    os._exit(status)
            print(json.dumps({"child": child}), flush=True)
            running += 1
        while running:
            child, status = os.waitpid(-1, 0)
            running -= 1
            print(json.dumps({"ended": child, "status": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
