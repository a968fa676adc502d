"""What the lessons share: the table of chapters, and the grader."""

from .chapters import CHAPTERS, Chapter, find_chapter, lessons_folder

__all__ = ["CHAPTERS", "Chapter", "find_chapter", "lessons_folder"]
