from reference.job.help import MODEL, TASK, TRAINING
from reference.tasks.task import Task
from reference.training.families import FAMILIES, GIVEN
from reference.training.training_settings import TrainingSettings


def test_every_setting_has_a_text_and_every_text_a_setting():
    of_models = {name for family in FAMILIES.values() for name in family.settings.names()}
    assert set(MODEL) == of_models - set(GIVEN)
    assert set(TRAINING) == set(TrainingSettings.names())
    assert set(TASK) == set(Task.names())
