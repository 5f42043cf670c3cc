"""The words of planted reviews: sentiment words by strength, and those that say nothing about the label."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Sentiment words by part of speech, and sign times strength.
SENTIMENT = {
    ("adjective", 1): _words("""good nice pleasant solid decent likable enjoyable warm clever charming neat sweet
        amusing appealing engaging entertaining graceful lively polished refreshing satisfying sincere smart tasteful
        thoughtful witty worthwhile honest"""),
    ("adjective", 2): _words("""superb brilliant wonderful excellent amazing astonishing beautiful breathtaking dazzling
        captivating delightful exceptional exquisite fabulous fantastic flawless gripping hilarious incredible
        magnificent masterful outstanding perfect phenomenal remarkable riveting sensational spectacular splendid
        stunning sublime terrific thrilling unforgettable"""),
    ("adjective", -1): _words("""bad weak poor bland boring clumsy dull flat forgettable generic lazy mediocre messy
        predictable shallow silly sluggish stale stiff tedious thin tired uneven uninspired unconvincing annoying
        confusing disappointing"""),
    ("adjective", -2): _words("""awful terrible horrible abysmal appalling atrocious dire disastrous dreadful
        embarrassing excruciating ghastly hideous horrendous idiotic incompetent inept infuriating insufferable
        insulting laughable lousy miserable painful pathetic pointless repulsive ridiculous rotten shameful tasteless
        unbearable unwatchable worthless wretched"""),
    ("verb", 1): _words("liked enjoyed appreciated admired welcomed praised"),
    ("verb", 2): _words("loved adored cherished treasured savoured relished"),
    ("verb", -1): _words("disliked regretted resented endured criticised mocked"),
    ("verb", -2): _words("hated loathed despised detested abhorred deplored"),
    ("noun", 1): _words("success pleasure treat joy highlight achievement"),
    ("noun", 2): _words("masterpiece triumph gem delight wonder marvel sensation"),
    ("noun", -1): _words("letdown chore bore disappointment flaw nuisance"),
    ("noun", -2): _words("disaster mess failure fiasco catastrophe travesty nightmare embarrassment insult disgrace"),
}

# Words that say nothing about the label, and the modifiers.
POOLS = {
    "one": _words("""plot story script dialogue acting cast direction soundtrack music photography camerawork pacing
        editing ending opening finale lighting humour romance scenery setting narration atmosphere premise heroine hero
        villain choreography animation sound"""),
    "many": _words("characters actors jokes costumes effects songs visuals stunts twists performances scenes dances"),
    "part": _words("plot story script soundtrack ending opening finale premise heroine hero villain cast"),
    "work": _words("film movie picture drama comedy thriller western musical remake sequel documentary feature"),
    "kin": _words("brother sister mother father cousin uncle aunt grandmother neighbour colleague"),
    "not": _words("not never hardly scarcely"),
    "never": _words("never hardly scarcely rarely seldom"),
    "very": _words("very extremely particularly especially truly really"),
    "somewhat": _words("somewhat slightly fairly moderately mildly barely"),
    "truly": _words("truly really thoroughly deeply genuinely"),
    "mildly": _words("somewhat slightly mildly"),
    "real": _words("real genuine true complete absolute huge"),
    "minor": _words("minor small modest slight"),
    "woman": _words("Anna Clara Elena Grace Helen Ida Julia Laura Maria Nora Olivia Paula Rosa Sofia Vera"),
    "man": _words("Adam Bruno Carl David Erik Felix Hugo Ivan Jonas Leo Martin Oscar Peter Simon Tom"),
    "town": _words("""Lisbon Paris Vienna Oslo Dublin Berlin Madrid Naples Prague Boston Chicago Toronto Cairo Mumbai
        Kyoto Lima Sydney Warsaw Athens Geneva"""),
    "trade": _words("""baker teacher doctor farmer lawyer painter sailor soldier tailor waiter nurse pilot detective
        journalist librarian carpenter gardener violinist cook clerk engineer plumber fisherman photographer"""),
    "age": _words("young old retired former local travelling"),
    "thing": _words("""letter map key suitcase painting necklace diary bicycle clock violin photograph ring lantern boat
        piano radio ticket notebook"""),
    "spot": _words("""harbour station library market bridge lighthouse hospital museum theatre garden castle school
        forest river church airport"""),
    "shop": _words("bakery bookshop hotel restaurant garage laundry pharmacy circus"),
    "season": _words("spring summer autumn winter"),
    "day": _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "does": _words("finds hides borrows buys sells carries keeps"),
    "goes": _words("travels moves walks drives sails returns"),
}
POOLS["any"] = POOLS["one"] + POOLS["many"]
