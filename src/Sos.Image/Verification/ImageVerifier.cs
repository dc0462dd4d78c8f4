using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using Sos.Image.Debugging;

namespace Sos.Image.Verification;

/// <summary>
/// Decodes all machine code of an image, from the file alone, and refuses what a service may not do. Nothing is taken from
/// symbols: functions are what the entry calls, directly or through others.
/// </summary>
public sealed class ImageVerifier
{
    private const int CirclesMax = 10;

    /// <summary>So many refusals are shown of each sort: who has more mends these first.</summary>
    private const int ShownMax = 100;

    private readonly ServiceImage _image;
    private readonly DebugFile? _debug;
    private readonly CodeMap _code;
    private readonly WalkBudget _budget = new();
    private readonly Dictionary<ulong, VerifiedFunction> _functions = [];
    private readonly Dictionary<ulong, long> _argumentBytes = [];
    private readonly CallGraph _graph;
    private ulong _last;

    private ImageVerifier(ServiceImage image, DebugFile? debug, VerifierOptions options)
    {
        _image = image;
        _debug = debug;
        _code = new CodeMap(image, _budget);
        WalkFunctions(new FunctionWalker(image, _code, _budget, function => _argumentBytes.GetValueOrDefault(function), options.KeepStates));
        _graph = new CallGraph(_functions, image.Entry);
    }

    private IEnumerable<Finding> Findings => _functions.Values.SelectMany(f => f.Findings);

    /// <summary>Verifies a finished image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="debug">Its debug file, for names and lines; without it addresses are shown.</param>
    /// <param name="options">Limits.</param>
    /// <returns>Why it is refused; empty if it may run.</returns>
    public static ImmutableArray<ImageDiagnostic> Verify(ServiceImage image, DebugFile? debug = null,
        VerifierOptions? options = null) => Examine(image, debug, options).Diagnostics;

    /// <summary>Verifies a finished image, and tells what else was found.</summary>
    /// <param name="image">The image.</param>
    /// <param name="debug">Its debug file, for names and lines; without it addresses are shown.</param>
    /// <param name="options">Limits.</param>
    public static Verdict Examine(ServiceImage image, DebugFile? debug = null, VerifierOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        options ??= new VerifierOptions();
        ImageVerifier verifier = new(image, debug is not null && debug.Matches(image) ? debug : null, options);
        ImmutableArray<ImageDiagnostic> diagnostics = verifier.Report(options, out long? depth);
        image.IsAccepted |= diagnostics.IsEmpty;
        return new Verdict(diagnostics, depth) { Code = verifier._code, Functions = verifier._functions, Budget = verifier._budget };
    }

    /// <summary>Verifies an image file; one that is not well-formed is refused with a diagnostic as well.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static ImmutableArray<ImageDiagnostic> VerifyFile(string path, VerifierOptions? options = null)
    {
        string reading = path;
        try
        {
            ServiceImage image = ServiceImage.Read(path);
            reading = path + ".debug";
            return Verify(image, File.Exists(reading) ? DebugFile.Read(reading) : null, options);
        }
        catch (ImageFormatException e)
        {
            return [Malformed(e, Path.GetFileName(reading))];
        }
    }

    /// <summary>The diagnostic for a file that is not well-formed.</summary>
    public static ImageDiagnostic Malformed(ImageFormatException exception, string name)
    {
        ArgumentNullException.ThrowIfNull(exception);
        bool writableCode = exception.Error is ImageFormatError.WritableCode or ImageFormatError.RelocationInCode;
        return new ImageDiagnostic(writableCode ? DiagnosticIds.WritableCode : DiagnosticIds.Malformed, exception.Message, name,
            []);
    }

    /// <summary>
    /// Walks all functions that the entry reaches. Where a function turns out to write more of its arguments on the stack than its
    /// callers were walked with, they are walked again: a caller knows nothing of what a callee may have written.
    /// </summary>
    private void WalkFunctions(FunctionWalker walker)
    {
        Queue<ulong> queue = new([_image.Entry]);
        HashSet<ulong> queued = [_image.Entry];
        Dictionary<ulong, HashSet<ulong>> callers = [];
        while (_budget.Exceeded is null && queue.TryDequeue(out _last))
        {
            queued.Remove(_last);
            VerifiedFunction function = walker.Walk(_last);
            _functions[_last] = function;
            foreach (CallSite call in function.Calls)
            {
                if (!callers.TryGetValue(call.Target, out HashSet<ulong>? known))
                {
                    callers[call.Target] = known = [];
                    Enqueue(call.Target);
                }

                known.Add(_last);
            }

            if (function.ArgumentBytes > _argumentBytes.GetValueOrDefault(_last))
            {
                _argumentBytes[_last] = function.ArgumentBytes;
                foreach (ulong caller in callers.GetValueOrDefault(_last) ?? [])
                {
                    Enqueue(caller);
                }
            }
        }

        void Enqueue(ulong function)
        {
            if (queued.Add(function))
            {
                queue.Enqueue(function);
            }
        }
    }

    private ImmutableArray<ImageDiagnostic> Report(VerifierOptions options, out long? depth)
    {
        List<ImageDiagnostic> result = [];
        ulong size = Math.Max((ulong)_image.FileSize, _image.MemorySize);
        if (options.MaxImageSize != 0 && size > options.MaxImageSize)
        {
            result.Add(new ImageDiagnostic(
                DiagnosticIds.TooLarge, $"the image has {size} bytes, more than the {options.MaxImageSize} allowed",
                    _image.Descriptor.Name, []));
        }

        result.AddRange(Findings.OrderBy(f => f.Rva).Select(f => Describe(f.Id, f.Message, f.Function, f.Rva))
            .DistinctBy(d => (d.Id, d.Method, d.File, d.Line)).Take(ShownMax));
        if (_budget.Exceeded is { } reason)
        {
            // Of code that was not walked nothing else is known.
            result.Add(Describe(DiagnosticIds.TooComplex, reason, _last, _last));
            depth = null;
            return [.. result];
        }

        foreach ((ulong rva, ulong bytes) in _code.Unreached().Take(ShownMax))
        {
            result.Add(new ImageDiagnostic(DiagnosticIds.UnreachedCode, $"{bytes} bytes of code that nothing reaches",
                NameAt(rva), []));
        }

        depth = ReportStack(result);
        return [.. result];
    }

    /// <summary>Returns the most stack that is used, if that is known.</summary>
    private long? ReportStack(List<ImageDiagnostic> result)
    {
        List<List<CallSite>> circles = _graph.Circles(CirclesMax);
        foreach (List<CallSite> circle in circles)
        {
            string names = string.Join(" -> ", circle.Select(c => NameAt(c.Target)));
            CallSite last = circle[^1];
            result.Add(Describe(DiagnosticIds.Recursion, $"calls in a circle, so that the use of stack is unbounded ({names})",
                FunctionOf(last.Site), last.Site));
        }

        if (circles.Count != 0)
        {
            return null;
        }

        (long depth, List<CallSite> path) = _graph.DeepestFrom(_image.Entry);
        if (depth > _image.Descriptor.StackSize)
        {
            // The function to look at first is the one on that way that takes the most.
            List<ulong> functions = [_image.Entry, .. path.Select(c => c.Target)];
            ulong largest = functions.MaxBy(f => _functions[f].OwnDepth);
            ImageDiagnostic diagnostic = Describe(
                DiagnosticIds.StackTooDeep,
                $"the stack may grow to {depth} bytes, {_functions[largest].OwnDepth} of them here; SosStackSize is {_image.Descriptor.StackSize}",
                largest, largest);
            result.Add(diagnostic with { CallPath = [.. functions.Select(NameAt).Where(n => n != Building.RuntimeStubs.Start)] });
        }

        return Findings.Any(f => f.Id == DiagnosticIds.StackUnknown) ? null : depth;
    }

    private ulong FunctionOf(ulong site) =>
        _functions.Values.FirstOrDefault(f => f.Calls.Exists(c => c.Site == site))?.Start ?? _image.Entry;

    private ImageDiagnostic Describe(string id, string message, ulong function, ulong rva)
    {
        List<ulong> path = _graph.PathTo(function, rva);

        // The core library's sources are not the author's: what is shown is his last line on the way there.
        ulong shown = path.FindLast(p =>
            _debug?.Resolve(p)?.File is not null && !Building.CoreLibrary.Contains(_debug.MethodAt(p)!.Symbol));
        CodeLocation? location = _debug?.Resolve(shown == 0 ? rva : shown);
        ImmutableArray<string> names = [.. path.Select(NameAt).Where(n => n != Building.RuntimeStubs.Start)];
        return new ImageDiagnostic(id, message, NameAt(rva), names, location?.File, location?.Line ?? 0);
    }

    private string NameAt(ulong rva) => _debug?.MethodAt(rva)?.Name ?? $"0x{rva:x}";
}
