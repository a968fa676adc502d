"""What the lessons share: the table of chapters, the frame of a lesson, and the grader."""

from .chapters import CHAPTERS, Chapter, find_chapter, lessons_folder
from .lesson import Lesson

__all__ = ["CHAPTERS", "Chapter", "Lesson", "find_chapter", "lessons_folder"]
