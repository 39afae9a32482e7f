"""Recipes: what a file says, what an index was made with, and that both are one thing."""

from pathlib import Path

import numpy as np
import pytest
from encoding import WordSums

import retrieval as rt
from retrieval.cli import main
from retrieval.config import Recipe, toml_of
from retrieval.errors import EncoderUnavailable, InvalidInput, RecipeMismatch, UnknownName

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
    ).search("Schloss Tür", per="passage")
    both = collection.search("Schloss Tür", system="both", per="passage")
    assert [(h.docno, h.score) for h in both] == [(h.docno, h.score) for h in by_hand]
    sharp = collection.search("Schloss Tür", system="sharp", per="passage")
    by_hand = collection.retriever("bm25", rt.Bm25Search(k1=2.0))
    by_hand = by_hand.search("Schloss Tür", per="passage")
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[systems.x]\nfuse = ['bm25', 'y']\n[systems.y]\nfuse = ['x', 'dense']", "x → y → x"),
        ("[systems.hybrid]\nfuse = ['bm25', 'hybrid']", "part of itself"),
        ("[systems.x]\nfuse = ['bm25']", "list two or more systems"),
        ("[systems.x]\nfuse = 'bm25'", "list two or more systems"),
        ("[systems.x]\nfuse = [['bm25'], 'dense']", "list two or more systems"),
        ("[systems.x]\nretrieve = 5", "name a representation"),
        ("[systems.x]\nretrieve = 'bm25'\nsettings = 5", "make it a table"),
        ("[systems.x]\nretrieve = 'bm25'\nsettings = { k9 = 1 }", "no setting 'k9'"),
        ("[systems.x]\nretrieve = 'bm25'\nsettings = { k1 = 'x' }", "k1 is 'x'"),
        ("[systems.x]\nfuse = ['bm25', 'dense']\ndepth = 'a'", "k is 'a'"),
        ("[systems.x]\nfuse = ['bm25', 'dense']\nconstant = 'a'", "constant .* is 'a'"),
        ("[representations]\nbm25 = 'bm25'\n[search]\nsystem = 'hybrid'", "'hybrid'"),
        ("[representations]\n'B M' = 'bm25'", "'B M'"),
        ("[representations.a]\nencoder = 'bm25'\nk1 = 'x'", "k1 is 'x'"),
        ("[representations.a]\nencoder = 'bm25'\nanalysis = 'germann'", "mean 'german'"),
        ("[representations.a]\nencoder = 'dense'\nmax_length = 'five'", "max_length 'five'"),
        ("[representations.a]\nencoder = 'dense'\nbatch_size = 1.5", "batch_size 1.5"),
        ("[representations.a]\nencoder = 'dense'\nprompts = 'q'", "prompts 'q'"),
        ("[representations.a]\nencoder = 'dense'\ndimension = 'x'", "dimension 'x'"),
        ("[search]\nsystem = 5", "'5'"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_anything_is_indexed(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"my.toml: .*{message}"):
        Recipe.parse(text, place="my.toml")


def test_recipes_made_in_python_are_checked_too(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="nope"):
        Recipe(representations=["bm25"], systems={"a": {"fuse": ["bm25", "nope"]}})
    with pytest.raises(InvalidInput, match="no key 'sytem'"):
        Recipe(search={"sytem": 1})
    for wrong in (5, [5], None):
        with pytest.raises(InvalidInput, match="sources is"):
            Recipe(sources=wrong)  # type: ignore[arg-type]
    (tmp_path / "s.txt").write_text("one two three")
    made = rt.index(Recipe(str(tmp_path / "s.txt"), "tokens:2"), tmp_path / "i.idx")  # type: ignore[arg-type]
    assert list(made) == ["s.txt#0", "s.txt#1"]


def test_fields_of_metadata_are_the_same_a_second_time(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,text,year,lang\n1,a b,2020,de\n")
    (tmp_path / "r.toml").write_text(
        'sources = ["r.csv"]\n[fields]\nmetadata = ["year"]\n[representations]\nb = "bm25"\n'
    )
    recipe = Recipe.read(tmp_path / "r.toml")
    made = rt.index(recipe, tmp_path / "i.idx")
    assert made["1"].metadata == {"year": 2020}
    rt.index(recipe, tmp_path / "i.idx")
    rt.index(Recipe.parse(toml_of(made)), tmp_path / "i.idx")


def test_a_source_that_is_named_no_more_is_forgotten(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(f"word {name}")
    text = 'sources = ["a.txt", "b.txt"]\n[representations]\nbm25 = "bm25"\n'
    path = tmp_path / "i.idx"
    made = rt.index(Recipe.parse(text, folder=tmp_path), path)
    made.add([rt.Document("mine", "word")])
    made.commit()
    less = rt.index(Recipe.parse(text.replace(', "b.txt"', ""), folder=tmp_path), path)
    assert sorted(less) == ["a.txt", "mine"]
    assert "b.txt" not in toml_of(less)
    again = rt.index(Recipe.parse(text, folder=tmp_path), path)
    assert sorted(again) == ["a.txt", "b.txt", "mine"]


def test_paths_of_vectors_are_relative_to_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "v.npy", np.eye(2, dtype=np.float32))
    (tmp_path / "v.ids").write_text("x.txt\ny.txt\n")
    for name in "xy":
        (tmp_path / f"{name}.txt").write_text(name)
    (tmp_path / "r.toml").write_text(
        'sources = ["x.txt", "y.txt"]\n[representations]\nv = "precomputed:v.npy"\n'
    )
    monkeypatch.chdir("/")
    made = rt.index(Recipe.read(tmp_path / "r.toml"), tmp_path / "i.idx")
    assert made.search(np.array([0.0, 1.0], np.float32))[0].docno == "y.txt"


def test_a_representation_that_a_system_needs_is_not_dropped(recipe: Path) -> None:
    made = rt.index(Recipe.read(recipe), recipe.parent / "a.idx")
    with pytest.raises(InvalidInput, match="system 'both'"):
        made.drop_representation("short")


def test_another_processs_systems_are_taken_over(recipe: Path) -> None:
    first = rt.index(Recipe.read(recipe), recipe.parent / "a.idx")
    before = [hit.score for hit in first.search("Tür", system="sharp")]
    recipe.write_text(RECIPE.replace("k1 = 2.0", "k1 = 0.2"))
    second = rt.index(Recipe.read(recipe), recipe.parent / "a.idx")
    first.refresh()
    after = [hit.score for hit in first.search("Tür", system="sharp")]
    assert after == [hit.score for hit in second.search("Tür", system="sharp")] != before


def test_a_rebuild_keeps_what_it_is_not_told_to_change(tmp_path: Path) -> None:
    (tmp_path / "d.txt").write_text("a b")
    specs = {"own": (WordSums(), rt.FlatBuild(rt.Metric.EUCLIDEAN)), "bm25": "bm25"}
    made = rt.index(tmp_path / "d.txt", tmp_path / "i.idx", representations=specs)
    recorded = made.snapshot.manifest.representations
    with pytest.raises(EncoderUnavailable, match="'own'"):
        rt.index(tmp_path / "d.txt", tmp_path / "i.idx", rebuild=True)
    again = rt.index(tmp_path / "d.txt", tmp_path / "i.idx", representations=specs, rebuild=True)
    assert again.snapshot.manifest.representations == recorded


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
