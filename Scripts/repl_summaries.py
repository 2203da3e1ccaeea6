"""Read by the debugger behind the REPL: values and errors of this package are shown as they describe themselves, and Ctrl-C
ends a generation after its step rather than in the middle of it."""

import ast
import os
import signal
import threading

import lldb

MODULES = [
    "Analysis", "Checkpoints", "Evaluation", "Images", "JSON", "Layers", "MSDiffusion", "MSDiffusionKit", "ModelRecipe",
    "Models", "Phrases", "Plotting", "Scripting", "Tensors", "Training", "TrainingData",
]

# Values that say more than this are cut: they are shown, not dumped.
LONGEST = 400


def describe(value, _):
    """What Swift's own "\\(value)" says."""
    value = value.GetNonSyntheticValue()
    kind = value.GetTypeName()
    expression = reading(value, kind)
    if not expression:
        return kind.split(".")[-1]
    if kind.startswith("Swift.Optional<") or kind.endswith("?"):
        text = '(%s).map { "\\($0)" } ?? "nil"' % expression
    else:
        text = '"\\(%s)"' % expression
    options = lldb.SBExpressionOptions()
    options.SetLanguage(lldb.eLanguageTypeSwift)
    options.SetSuppressPersistentResult(True)
    result = value.GetTarget().EvaluateExpression("String((%s).prefix(%d))" % (text, LONGEST + 1), options)
    said = plain(result.GetSummary()) or kind.split(".")[-1]
    return said if len(said) <= LONGEST else said[:LONGEST] + "…"


def reading(value, kind):
    """An expression for the value, by where it lies or by its bytes; its name may be another's in the outer scope."""
    address = value.GetLoadAddress()
    if value.GetType().GetTypeClass() == lldb.eTypeClassClass:
        # What is loaded of an object is the object itself.
        address = value.GetValueAsUnsigned() or address
        return "unsafeBitCast(UnsafeRawPointer(bitPattern: %d)!, to: %s.self)" % (address, kind)
    if address not in (0, lldb.LLDB_INVALID_ADDRESS):
        return "UnsafeRawPointer(bitPattern: %d)!.assumingMemoryBound(to: (%s).self).pointee" % (address, kind)
    size = value.GetByteSize()
    data = value.GetData().ReadRawData(lldb.SBError(), 0, size) if 0 < size <= 4096 else None
    if not data:
        return None
    return (
        "{ let copy = UnsafeMutableRawPointer.allocate(byteCount: %d, alignment: 16); defer { copy.deallocate() }; "
        "copy.copyMemory(from: %s as [UInt8], byteCount: %d); return copy.assumingMemoryBound(to: (%s).self).pointee }() "
        "as %s" % (size, list(data), size, kind, kind))


def plain(summary):
    """The text behind a string's summary, which is quoted and escaped."""
    if not summary:
        return None
    try:
        return ast.literal_eval(summary)
    except (SyntaxError, ValueError):
        return summary.strip('"')


def watch_interrupts(debugger):
    """Hands Ctrl-C to the program where it asks for it, else to the debugger.

    A generation catches the signal while it runs; otherwise nothing does, and the debugger stops the program in the midst.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # Python's handlers wait until Python runs again, which in a debugger may be never; the descriptor is written to at once.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.siginterrupt(signal.SIGINT, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def serve():
        while os.read(reading, 1):
            process = debugger.GetSelectedTarget().GetProcess().GetProcessID()
            if heeds_interrupts(process):
                os.kill(process, signal.SIGINT)
            else:
                debugger.DispatchInputInterrupt()

    threading.Thread(target=serve, daemon=True).start()


def heeds_interrupts(process):
    """Whether a process runs and has a handler for Ctrl-C; the debugger's own state is no help while it evaluates."""
    try:
        with open("/proc/%d/status" % process) as status:
            fields = dict(line.split(":", 1) for line in status)
    except OSError:
        return False
    is_stopped = fields["State"].split()[0] in "tT"
    return not is_stopped and bool(int(fields["SigCgt"], 16) >> (signal.SIGINT - 1) & 1)


def __lldb_init_module(debugger, _):
    debugger.HandleCommand(
        'type summary add --no-value --skip-pointers -F repl_summaries.describe -x "^(%s)[.][A-Za-z.]+[?]?$"'
        % "|".join(MODULES))
    debugger.GetCommandInterpreter().HandleCommand(
        "process handle SIGINT --pass true --stop false --notify false", lldb.SBCommandReturnObject())
    watch_interrupts(debugger)
