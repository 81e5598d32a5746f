# score.py TEXT: says how friendly a text is.
import sys
import time

time.sleep(2)  # In life: a framework is imported, a model is read.
WORDS = {"good": 1, "great": 2, "bad": -1, "awful": -2}


def score(text):
    return sum(WORDS.get(word, 0) for word in text.lower().split())


if __name__ == "__main__":
    print(score(sys.argv[1]))
