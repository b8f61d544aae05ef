"""For the tests of your own kinds: time that passes at once, and a place that costs nothing and misbehaves when told.

from faildrill.testing import FakePlace, given, run

def test_my_probe_gives_up_after_its_timeout():
with pytest.raises(TimeoutError):
run(asyncio.wait_for(MyProbe(...).look(given(timeout=30)), 30))   # takes no half minute
"""

from faildrill.kinds import build
from faildrill.testing.fake_place import FakePlace, given
from faildrill.testing.virtual_time import LoopClock, VirtualLoop, run

__all__ = ["FakePlace", "LoopClock", "VirtualLoop", "build", "given", "run"]
