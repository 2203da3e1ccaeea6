"""Read by the debugger behind the REPL: values of this package are shown on one line, as they describe themselves."""

import struct

import lldb

DESCRIBED = [
    "Tensors.Tensor", "Analysis.Heatmap", "Analysis.Box", "Images.PixelImage", "MSDiffusion.Pipeline", "MSDiffusion.Scene",
    "MSDiffusion.Subject", "MSDiffusion.Generation", "MSDiffusionKit.Run", "MSDiffusionKit.HeatmapRecorder",
]

# Values of these say nothing of themselves; their names are enough.
NAMED = [
    "Plotting.Grid", "Plotting.Panel", "Plotting.Stack", "Plotting.LineChart", "Plotting.BarChart", "Plotting.Animation",
    "MSDiffusion.Conditions", "MSDiffusionKit.NoiseLevelRecorder", "MSDiffusionKit.PseudoLayoutHistory", "JSON.JSONValue",
]


def describe(value, _):
    """What the value says of itself; what its memory tells, where it cannot be asked (unnamed results)."""
    value = value.GetNonSyntheticValue()
    name = value.GetName() or ""
    if name.isidentifier():
        options = lldb.SBExpressionOptions()
        options.SetLanguage(lldb.eLanguageTypeSwift)
        result = value.GetTarget().EvaluateExpression("(%s).description" % name, options)
        if result.GetSummary():
            return result.GetSummary().strip('"')
    kind = value.GetTypeName().split(".")[-1]
    if kind == "Tensor":
        return tensor(value)
    if kind == "Heatmap":
        return "Heatmap %s: %s" % (member(value, "label").GetSummary(), tensor(member(value, "values")))
    if kind == "PixelImage":
        return "Image %s×%s" % (number(member(value, "width")), number(member(value, "height")))
    if kind != "Box":
        return kind
    return "Box(%s)" % ", ".join(member(value, side).GetSummary() or member(value, side).GetValue() or "?"
                                 for side in ["x0", "y0", "x1", "y1"])


def tensor(value):
    """Shape, range, mean and first values of a tensor, read from its memory."""
    sides = member(value, "shape")
    shape = [number(sides.GetChildAtIndex(index)) for index in range(sides.GetNumChildren())]
    storage = member(value, "storage")
    count = number(member(storage, "count"))
    base = number(member(storage, "base"))
    text = "Tensor %s" % shape
    if not count or not base:
        return text + ", empty"
    error = lldb.SBError()
    # More than a million values are described by their first million.
    read = min(count, 1 << 20)
    memory = value.GetProcess().ReadMemory(base, 4 * read, error)
    if not error.Success():
        return text
    values = struct.unpack("<%df" % read, memory)
    first = ", ".join("%.4g" % x for x in values[:6]) + (", …" if count > 6 else "")
    return "%s, %.4g…%.4g, mean %.4g: [%s]" % (text, min(values), max(values), sum(values) / read, first)


def member(value, name):
    """A property, as the debugger shows it rather than as it lies in memory."""
    found = value.GetChildMemberWithName(name)
    found.SetPreferSyntheticValue(True)
    return found


def number(value):
    """A whole number or address: the value's own, or that of the only thing inside it."""
    text = value.GetSummary() or value.GetValue()
    while text is None and value.GetNumChildren() > 0:
        value = value.GetNonSyntheticValue().GetChildAtIndex(0)
        text = value.GetSummary() or value.GetValue()
    return int(text.split()[0], 0) if text else 0


def named(value, _):
    return value.GetTypeName().split(".")[-1]


def __lldb_init_module(debugger, _):
    for name in NAMED:
        debugger.HandleCommand("type summary add --no-value --skip-pointers -F repl_summaries.named %s" % name)
    for name in DESCRIBED:
        debugger.HandleCommand("type summary add --no-value --skip-pointers -F repl_summaries.describe %s" % name)
