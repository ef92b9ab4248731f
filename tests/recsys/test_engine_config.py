import pytest
from pydantic import BaseModel, ValidationError

from recsys import config
from recsys.config import EngineSettings, EventSettings, EventWeights
from recsys.schema import APPLY, DISMISS, EVENT_TYPES, IMPRESSION, UNDO, VIEW

CLASSES = [value for value in vars(config).values() if isinstance(value, type) and issubclass(value, config.Settings)]


@pytest.mark.parametrize("one", CLASSES)
def test_a_setting_that_nobody_knows_is_refused(one):
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        one(no_such_setting=1)


@pytest.mark.parametrize("one", CLASSES)
def test_settings_are_frozen(one):
    value = one()
    for name in one.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, name, getattr(value, name))


def test_settings_survive_json():
    changed = EngineSettings(events=EventSettings(half_life_days=None, hide=("dismiss",)))
    assert EngineSettings.model_validate_json(changed.model_dump_json()) == changed
    assert EngineSettings.model_validate(EngineSettings().model_dump(mode="json")) == EngineSettings()


def test_weights_stand_in_the_order_of_the_event_types():
    weights = EventWeights(view=2, apply=7, dismiss=0).by_kind()
    assert len(weights) == len(EVENT_TYPES)
    assert (weights[VIEW], weights[APPLY], weights[DISMISS], weights[IMPRESSION], weights[UNDO]) == (2, 7, 0, 0, 0)


def test_every_event_type_but_the_undo_has_a_weight():
    assert set(EventWeights.model_fields) == set(EVENT_TYPES) - {"undo"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"events": {"weights": {"view": -1}}}, {"events": {"half_life_days": 0}}, {"events": {"hide": ["appply"]}},
        {"factors": {"dimensions": 1}}, {"factors": {"regularisation": 0}}, {"place": {"cell_degrees": 0}},
        {"retrieve": {"pool": 9}}, {"retrieve": {"text": -1}}, {"retrieve": {"interests": 0}},
        {"arrange": {"new_share": 1.5}}, {"arrange": {"employer_run": -1}},
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        EngineSettings.model_validate(wrong)


def test_every_setting_is_a_frozen_model_all_the_way_down():
    def walk(model: type[BaseModel]):
        assert model.model_config.get("frozen")
        assert model.model_config.get("extra") == "forbid"
        for field in model.model_fields.values():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield field.annotation
                yield from walk(field.annotation)

    assert set(walk(EngineSettings)) | {EngineSettings, config.Settings} == set(CLASSES)
