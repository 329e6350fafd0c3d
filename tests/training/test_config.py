import pytest

from hrnet_viz.training.config import Phase, Recipe


def test_a_phase_is_written_as_it_is_read():
    for text in ("12@64", "2.5@128,160,160", "1@128,224:still"):
        assert str(Phase.parse(text)) == text
    assert Phase.parse("3@128,160") == Phase(3, (128, 160))
    assert Phase.parse("3@128:still") == Phase(3, (128,), still=True)


@pytest.mark.parametrize("text", ["12", "@64", "0@64", "3@16", "3@64,", "three@64", "3@64:fast", "3@:still"])
def test_a_wrong_phase_is_explained(text):
    with pytest.raises(ValueError, match="epochs@size"):
        Phase.parse(text)


def test_a_recipe_survives_its_json():
    recipe = Recipe(variant="hrnet_w18", phases=(Phase(1, (64, 96)),), seed=7, autocast="off")
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_recipe_of_an_older_version_gets_the_defaults():
    assert Recipe.from_json('{"phases": ["1@64"], "mean": [0, 0, 0], "std": [1, 1, 1]}').stored == Recipe().stored


@pytest.mark.parametrize("wrong", [{"autocast": "fp8"}, {"batch": 1}, {"held_back": 1.0}, {"phases": ()}])
def test_a_recipe_that_cannot_run_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).removesuffix("s")):
        Recipe(**wrong)
