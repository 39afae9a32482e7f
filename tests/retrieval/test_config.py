"""Recipes: what a file says, what an index was made with, and that both are one thing."""

from pathlib import Path

import pytest
from encoding import WordSums

import retrieval as rt
from retrieval.cli import main
from retrieval.config import Recipe, toml_of
from retrieval.errors import InvalidInput, RecipeMismatch, UnknownName

RECIPE = """
sources = ["docs", "rows.jsonl"]
chunking = "tokens:4:1"

[fields]
text = "body"

[representations]
bm25 = "bm25:german"

[representations.short]
encoder = "bm25"
k1 = 0.4
b = 0.1

[systems.both]
fuse = ["bm25", "short"]
constant = 10
depth = 50

[systems.sharp]
retrieve = "bm25"
settings = { k1 = 2.0 }

[search]
system = "both"
per = "parent"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "keys.txt").write_text("der Schlüssel dreht sich im Schloss der alten Tür")
    (tmp_path / "rows.jsonl").write_text('{"_id": "r1", "body": "eine Tür hat Schlösser"}\n')
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def test_a_recipe_is_read_whole(recipe: Path) -> None:
    found = Recipe.read(recipe)
    assert found.sources == (str(recipe.parent / "docs"), str(recipe.parent / "rows.jsonl"))
    assert found.chunking == rt.Chunking.parse("tokens:4:1")
    assert found.fields is not None
    assert found.fields.text == "body"
    assert list(found.representations or ()) == ["bm25", "short"]
    assert found.search == {"system": "both", "per": "parent"}


def test_python_and_the_command_line_index_the_same(recipe: Path) -> None:
    ours, theirs = recipe.parent / "a.idx", recipe.parent / "b.idx"
    first = rt.index(Recipe.read(recipe), ours)
    assert main(["index", "--config", str(recipe), "-o", str(theirs)]) == 0
    second = rt.open(theirs)
    assert list(first) == list(second)
    assert toml_of(first) == toml_of(second)
    assert first.system().name == "both"
    hits = first.search("Schlösser der Tür")
    assert [hit.docno for hit in hits] == [hit.docno for hit in second.search("Schlösser der Tür")]
    assert {hit.docno for hit in hits} == {"keys.txt", "r1"}  # parents, as [search] says


def test_a_named_system_is_what_it_says(recipe: Path) -> None:
    collection = rt.index(Recipe.read(recipe), recipe.parent / "a.idx")
    by_hand = rt.rrf(
        collection.retriever("bm25"), collection.retriever("short"), k=10, depth=50
    ).search("Schloss Tür")
    both = collection.search("Schloss Tür", system="both", per="passage")
    assert [(h.docno, h.score) for h in both] == [(h.docno, h.score) for h in by_hand]
    sharp = collection.search("Schloss Tür", system="sharp", per="passage")
    by_hand = collection.retriever("bm25", rt.Bm25Search(k1=2.0)).search("Schloss Tür")
    assert [(h.docno, h.score) for h in sharp] == [(h.docno, h.score) for h in by_hand]


def test_the_recipe_of_an_index_makes_it_again(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = rt.index(Recipe.read(recipe), recipe.parent / "a.idx")
    assert main(["info", str(first.path), "--toml"]) == 0
    (recipe.parent / "again.toml").write_text(capsys.readouterr().out)
    second = rt.index(Recipe.read(recipe.parent / "again.toml"), recipe.parent / "b.idx")
    assert second.snapshot.manifest.representations == first.snapshot.manifest.representations
    assert second.settings == first.settings
    assert list(second) == list(first)
    # And the index it came from accepts it as its own.
    assert (
        rt.index(Recipe.read(recipe.parent / "again.toml"), first.path).settings == first.settings
    )


def test_another_recipe_is_refused_until_rebuilt(recipe: Path) -> None:
    path = recipe.parent / "a.idx"
    rt.index(Recipe.read(recipe), path)
    recipe.write_text(RECIPE.replace("tokens:4:1", "tokens:3"))
    with pytest.raises(RecipeMismatch, match="chunking"):
        rt.index(Recipe.read(recipe), path)
    recipe.write_text(RECIPE.replace('chunking = "tokens:4:1"', ""))
    with pytest.raises(RecipeMismatch, match="chunking"):
        rt.index(Recipe.read(recipe), path)
    rebuilt = rt.index(Recipe.read(recipe), path, rebuild=True)
    assert sorted(rebuilt) == ["keys.txt", "r1"]
    assert rebuilt.chunking is None


def test_systems_change_without_indexing_again(recipe: Path) -> None:
    path = recipe.parent / "a.idx"
    before = rt.index(Recipe.read(recipe), path).snapshot.manifest.segments
    recipe.write_text(RECIPE.replace("constant = 10", "constant = 99"))
    after = rt.index(Recipe.read(recipe), path)
    assert after.settings["systems"]["both"]["constant"] == 99
    assert after.snapshot.manifest.segments == before


def test_what_is_left_unsaid_is_kept(recipe: Path) -> None:
    path = recipe.parent / "a.idx"
    first = rt.index(Recipe.read(recipe), path)
    settings = first.settings
    again = rt.index(recipe.parent / "docs", path)
    assert again.settings == settings
    assert again.representations == ("bm25", "short")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chunkin = 'x'", "has no key 'chunkin': did you mean 'chunking'"),
        ("chunking = 3", "chunking is 3"),
        ("[chunking]\nsiz = 3", "no key 'siz': did you mean 'size'"),
        ("[fields]\ntxt = 'x'", "no key 'txt': did you mean 'text'"),
        ("sources = 'docs'", "use a list"),
        ("[representations.a]\nencoder = 'bm25'\nanalisis = 1", "did you mean 'analysis'"),
        ("[representations.a]\nencoder = 'bn25'", "no encoder is specified by 'bn25'"),
        ("[representations.a]\nk1 = 1", "needs an encoder"),
        ("[representations.a]\nencoder = 'bm25'\nindex = {kind = 'invertd'}", "mean 'inverted'"),
        ("[representations.a]\nencoder = 'dense'\nindex = {metrik = 'COSINE'}", "mean 'metric'"),
        ("[representations.a]\nencoder = 'dense'\nindex = {metric = 'COS'}", "no settings"),
        ("[systems.x]\nfuse = ['bm25', 'dens']", "did you mean 'dense'"),
        ("[systems.x]\nretrieve = 'bm26'", "did you mean 'bm25'"),
        ("[systems.x]\nfuse = ['bm25', 'dense']\ndept = 3", "no 'dept': did you mean 'depth'"),
        ("[systems.bm25]\nretrieve = 'bm25'", "the name of a representation"),
        ("[systems.x]\nretrieve = 'bm25'\nfuse = []", "needs 'retrieve' or 'fuse'"),
        ("[search]\nsystem = 'hybird'", "did you mean 'hybrid'"),
        ("[search]\nper = 'page'", "use 'passage' or 'parent'"),
        ("[search]\nk = 3", "has no key 'k'"),
        ("a = ", "is not TOML"),
    ],
)  # fmt: skip
def test_mistakes_name_the_place_and_the_nearest(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        Recipe.parse(text, place="my.toml")
    assert "my.toml" in str(caught.value) or isinstance(caught.value, UnknownName | InvalidInput)


def test_a_system_that_is_part_of_itself_is_refused(tmp_path: Path) -> None:
    text = "[systems.x]\nfuse = ['bm25', 'y']\n[systems.y]\nfuse = ['x', 'dense']"
    recipe = Recipe.parse(text + "\n[representations]\nbm25 = 'bm25'\ndense = 'bm25'")
    (tmp_path / "d.txt").write_text("a")
    collection = rt.index(
        Recipe(**{**recipe.__dict__, "sources": (str(tmp_path / "d.txt"),)}), tmp_path / "i.idx"
    )
    with pytest.raises(InvalidInput, match="part of itself: x → y → x"):
        collection.search("a", system="x")


def test_an_encoder_of_ones_own_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("a")
    made = rt.index(tmp_path / "d.txt", tmp_path / "i.idx", representations={"own": WordSums()})
    assert 'encoder = "custom"' in toml_of(made)
    with pytest.raises(InvalidInput, match="'custom'"):
        Recipe.parse(toml_of(made))


def test_a_recipe_and_more_beside_it_is_refused(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="put that into the recipe"):
        rt.index(Recipe.read(recipe), tmp_path / "x.idx", chunking="tokens:3")
    assert main(["index", "docs", "--config", str(recipe), "-o", str(tmp_path / "x.idx")]) == 2
    with pytest.raises(InvalidInput, match="cannot be read"):
        Recipe.read(tmp_path / "none.toml")
