"""Writes ratio.json: pairs of texts and the characters that CPython's difflib matches in them.

    python3 ratio.py > ratio.json
"""

import difflib
import json
import random

CHANCE = random.Random(20261122)
ALPHABETS = ["ab", "abc", "abcde ", "aé日🙂b", "abcdefghijklmnopqrstuvwxyz ", "01"]
CHOSEN = [
    ("", ""), ("", "a"), ("a", ""), ("a", "a"), ("abcd", "bcde"), ("abxcd", "abcd"), ("jazz", "jazzy"),
    ("tide", "diet"), ("diet", "tide"), ("aaaa", "aa"), ("aa", "aaaa"), ("abab", "baba"), ("baba", "abab"),
    ("with sugar", "without sugar"), ("colour schemes", "color schemes"), ("qabxcd", "abycdf"),
    ("private Thread currentThread;", "private volatile Thread currentThread;"), ("wikimedia", "wikimania"),
    ("straße", "strasse"), ("é", "e\u0301"), ("日本料理", "日本の料理"), ("🙂🙃🙂", "🙃🙂🙃"), ("żółw", "zolw"),
    ("ab" * 100, "ba" * 100), ("a" * 200, "a" * 170), ("a" * 200, "a" * 148), ("abcabc", "abcxabc"),
    ("xabcabc", "abc"), ("abc", "xabcabc"), ("GESTALT PATTERN MATCHING", "GESTALT PRACTICE"),
    ("GESTALT PRACTICE", "GESTALT PATTERN MATCHING"), ("spicy thai food", "spicy thai foods"),
    ("dark mode", "dark-mode"), ("vegan", "vegetarian"),
]


def matched(a, b):
    return sum(block.size for block in difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks())


def text(alphabet, shortest, longest):
    return "".join(CHANCE.choice(alphabet) for _ in range(CHANCE.randint(shortest, longest)))


def misspelled(word, alphabet):
    chars = list(word)
    for _ in range(CHANCE.randint(0, max(1, len(chars) // 5))):
        change, place = CHANCE.randint(0, 2), CHANCE.randint(0, len(chars))
        if change == 0:
            chars.insert(place, CHANCE.choice(alphabet))
        elif chars and change == 1:
            chars.pop(min(place, len(chars) - 1))
        elif chars:
            chars[min(place, len(chars) - 1)] = CHANCE.choice(alphabet)
    return "".join(chars)


def pairs():
    yield from CHOSEN
    for _ in range(140):
        alphabet = CHANCE.choice(ALPHABETS)
        yield text(alphabet, 0, 30), text(alphabet, 0, 30)
    for shortest, longest, count in [(5, 60, 130), (150, 200, 20)]:
        for _ in range(count):
            alphabet = CHANCE.choice(ALPHABETS)
            word = text(alphabet, shortest, longest)
            yield word, misspelled(word, alphabet)


lines = (json.dumps({"a": a, "b": b, "matched": matched(a, b)}, ensure_ascii=False) for a, b in pairs())
print("[\n" + ",\n".join(lines) + "\n]")
