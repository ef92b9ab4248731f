"""The settings of the service, read from one YAML file."""

from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from recsys.config import Settings
from recsys.errors import ConfigError
from recsys.faults import first_fault
from serving.gate import GateSettings
from serving.http.settings import HttpSettings
from serving.live.settings import LiveSettings


class DecisionSettings(Settings):
    """The log of decisions.

    Attributes:
        write: every list that is answered is written down.
        retention_days: files older than this are removed.
    """

    write: bool = True
    retention_days: float = Field(90, gt=0)


class ServeConfig(Settings):
    """One YAML file: how the service listens, keeps up, checks bundles and logs decisions.

    Attributes:
        workers: processes that answer.
        notice_seconds: after SIGTERM, /health/ready answers 503 for so long before the door is closed, so that
            balancers send nobody any more; 0: the door closes at once.
        drain_seconds: then requests that were begun are finished within so long.
        hung_seconds: a worker whose event loop stands still for so long, or an encoder's process that does not get on
            with what it has begun, is killed and started again.
    """

    workers: int = Field(1, ge=1, le=256)
    notice_seconds: float = Field(1, ge=0, le=600)
    drain_seconds: float = Field(10, gt=0, le=600)
    hung_seconds: float = Field(30, ge=1, le=3600)
    http: HttpSettings = HttpSettings()
    live: LiveSettings = LiveSettings()
    gate: GateSettings = GateSettings()
    decisions: DecisionSettings = DecisionSettings()


def load_serve_config(path: Path | None) -> ServeConfig:
    """The settings in a YAML file; the defaults where no file is given.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or holds a key or value that is not known.
    """
    if path is None:
        return ServeConfig()
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return ServeConfig.model_validate({} if values is None else values)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())[:300]}") from None
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_fault(error, ServeConfig)}") from None
