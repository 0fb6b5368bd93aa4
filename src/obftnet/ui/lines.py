"""What the page's server refuses, in English; `obftnet.wording` says how another language has it."""

from obftnet import wording
from obftnet.wording import Wording

# Files and folders that a person gives.
NO_IMAGE_BY_NAME = Wording("{file}: no image by its name; files of {endings} are wanted")
NOT_WHOLE_PATH = Wording("{folder}: the whole path of a folder on this machine is wanted")
NOT_HERE = Wording("{folder}: no such file or folder on this machine")
NO_SUCH_IMAGE = Wording("{name}: no such image in this project; it may have been removed")
ALREADY_THERE = Wording("{file}: the same file as {image}, which is there already; it is not taken twice")
NOT_WRITTEN = Wording("{folder}: cannot be written ({reason})")
NOT_REMOVED = Wording("{folder}: cannot be removed ({reason})")
FAULT = Wording("a fault of the program; the terminal that obftnet ui runs in says more")

# Painting.
PAINTED_ELSEWHERE = Wording("{image}: painted on elsewhere meanwhile; go on from what is shown now")
FILL_OUTSIDE = Wording("fill at {x},{y}: outside the image; click inside of an outline")
FILL_OPEN = Wording("fill at {x},{y}: nothing encloses this place; close the outline around it first")
TOO_MANY_STROKES = Wording("{image}: more than {most} strokes; clear it and begin anew")

# Fitting, trying, calibrating.
NOT_PAINTED = Wording("{image}: no defect is painted on it; paint it, or remove the image")
NOTHING_TO_TRY_BY = Wording("nothing to try by: fit the guidance first")
NOTHING_PROPOSED = Wording("no fit is proposed; it may have been accepted in another window")
UNDER_WAY = Wording("something is under way; wait for its end, or stop it")
NOT_EXPLAINED = Wording("the explanation did not come to its end")
NOTHING_FITTED = Wording("nothing was fitted yet")
NOT_TRIED = Wording("{name}: not looked at yet; try it first")
FIT_WAITS = Wording("a new fit waits; accept it or reject it first")
NOTHING_CALIBRATED = Wording("nothing was calibrated yet")
CHECK_ENDED = Wording("the check did not come to its end")

# Batches.
NOTHING_TO_RUN_BY = Wording("nothing to run by: fit the guidance and accept it first")
BATCH_BEGUN = Wording("batch {number}: is begun; begin another for more files")
BATCH_RUNS = Wording("batch {number}: is being run; wait for its end, or pause it")
NO_SUCH_BATCH = Wording("batch {number}: there is none")
BATCH_ENDED = Wording("it ended in the middle: too little memory, or it was killed")
NO_RESULT = Wording("{result}: no result of batch {number}")
NO_MASK = Wording("batch {number}: no mask yet")
NO_REPORT = Wording("the report did not come to its end")

#: All that may be said in another language, by its name: these, and those of the library.
LINES: dict[str, Wording] = wording.WORDINGS | wording.named(globals())
