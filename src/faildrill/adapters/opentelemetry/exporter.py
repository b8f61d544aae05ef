"""Traces sent by OTLP over HTTP, to where OTEL_EXPORTER_OTLP_ENDPOINT and OpenTelemetry's other variables say."""

import contextlib
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from faildrill.ports.run_trace import Span, Trace
from faildrill.system import redaction

_SCOPE: Final = InstrumentationScope("faildrill")
_KINDS: Final = {"server": SpanKind.SERVER, "internal": SpanKind.INTERNAL}
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


def export(trace: Trace) -> bool:
    """Send a trace; tell whether it was taken. Tries again for as long as OTEL_EXPORTER_OTLP_TIMEOUT says, 10 s."""
    about = Resource.create({**trace.about})
    exporter = OTLPSpanExporter()
    with contextlib.ExitStack() as at_the_end:
        at_the_end.callback(exporter.shutdown)
        taken = exporter.export([_readable(span, trace.id, about) for span in trace.spans])
        return taken is SpanExportResult.SUCCESS


def _readable(span: Span, trace: int, about: Resource) -> ReadableSpan:
    own = SpanContext(trace, span.id, is_remote=False, trace_flags=_SAMPLED)
    parent = None if span.parent is None else SpanContext(trace, span.parent, is_remote=True, trace_flags=_SAMPLED)
    wrong = None if span.wrong is None else redaction.clean(span.wrong)
    return ReadableSpan(
        name=redaction.clean(span.name),
        context=own,
        parent=parent,
        resource=about,
        attributes={
            name: redaction.clean(value) if isinstance(value, str) else value for name, value in span.attributes.items()
        },
        kind=_KINDS[span.sort],
        instrumentation_scope=_SCOPE,
        status=Status(StatusCode.UNSET) if wrong is None else Status(StatusCode.ERROR, wrong),
        start_time=span.began,
        end_time=span.ended,
    )
