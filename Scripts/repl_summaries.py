"""Loaded by the debugger behind the REPL. Shows this package's values and errors by their own descriptions, and makes Ctrl-C
end a generation after the current step rather than in the middle of it."""

import ast
import os
import signal
import threading

import lldb

MODULES = [
    "Analysis", "Checkpoints", "Evaluation", "Images", "JSON", "Layers", "MSDiffusion", "MSDiffusionKit", "ModelRecipe",
    "Models", "Phrases", "Plotting", "Scripting", "Tensors", "Training", "TrainingData",
]

# Longer descriptions are cut to this many characters.
LONGEST = 400


def describe(value, _):
    """The description that Swift's "\\(value)" gives, cut to LONGEST characters; the type's name if there is none."""
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
    description = plain(result.GetSummary()) or kind.split(".")[-1]
    return description if len(description) <= LONGEST else description[:LONGEST] + "…"


def reading(value, kind):
    """An expression that reads the value from its address or its bytes; None if neither is known.

    The variable's name cannot be used: it may mean a different value where the expression is evaluated.
    """
    address = value.GetLoadAddress()
    if value.GetType().GetTypeClass() == lldb.eTypeClassClass:
        # The value of an object's variable is the object's address.
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
    """The text of a string whose summary is quoted and escaped; None for an empty summary."""
    if not summary:
        return None
    try:
        return ast.literal_eval(summary)
    except (SyntaxError, ValueError):
        return summary.strip('"')


def watch_interrupts(debugger):
    """Passes Ctrl-C to the program if it handles it, else to the debugger.

    A generation handles the signal while it runs. Otherwise nothing does, and the debugger interrupts the program.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # Python's handlers wait until Python runs again, which may never happen in a debugger; the descriptor is written at once.
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
    """Whether a process runs and handles Ctrl-C, according to /proc.

    The state that the debugger reports is wrong while it evaluates an expression.
    """
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
