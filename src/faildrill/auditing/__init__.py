"""What is set, against what was approved and against what can never be right; looked at, never changed."""

from faildrill.auditing.assessment import audit
from faildrill.auditing.remarks import Audit, Audited, Detection, Grade, Remark
from faildrill.auditing.rules import RULES

__all__ = ["RULES", "Audit", "Audited", "Detection", "Grade", "Remark", "audit"]
