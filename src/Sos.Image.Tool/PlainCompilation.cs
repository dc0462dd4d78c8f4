using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Diagnostics;
using System.IO;
using System.Linq;
using Sos.Image.Building;
using Sos.Image.Debugging;

namespace Sos.Image.Tool;

/// <summary>
/// Compiles a refused service once more, without inlining. The line numbers of inlined code are those of the call, so that an
/// author's mistake in a short method would be shown in his caller, often the SDK's.
/// </summary>
internal static class PlainCompilation
{
    // What is about one place in the source. The others are about the image as it is, whose sizes inlining changes.
    private static readonly string[] OfOnePlace =
    [
        DiagnosticIds.Allocation, DiagnosticIds.Lock, DiagnosticIds.LazyStaticConstructor, DiagnosticIds.WriteBarrier, DiagnosticIds.InterfaceDispatch,
        DiagnosticIds.IndirectCall, DiagnosticIds.Throw, DiagnosticIds.ExceptionHandler, DiagnosticIds.PInvoke, DiagnosticIds.UnknownExternal,
        DiagnosticIds.ThreadStatic, DiagnosticIds.ReferenceStatic, DiagnosticIds.TypeCast, DiagnosticIds.FunctionPointer, DiagnosticIds.Privileged,
        DiagnosticIds.Recursion,
    ];

    /// <summary>Returns the refusals, with the places that the compilation without inlining shows where it finds the same.</summary>
    public static ImmutableArray<ImageDiagnostic> Locate(ToolArguments arguments, ImmutableArray<ImageDiagnostic> refusals)
    {
        if (arguments.Compiler.Length == 0 || !refusals.Any(refusal => OfOnePlace.Contains(refusal.Id)))
        {
            return refusals;
        }

        string objectFile = arguments.ObjectFile + ".plain";
        try
        {
            if (!Compile(arguments, objectFile))
            {
                return refusals;
            }

            BuiltImage plain = ImageBuilder.Build(
                File.ReadAllBytes(objectFile), arguments.Options, MethodNames.FromAssemblies(arguments.Assemblies));
            HashSet<string> refused = [.. refusals.Select(refusal => refusal.Id).Where(OfOnePlace.Contains)];
            HashSet<string> found = [.. plain.Diagnostics.Select(diagnostic => diagnostic.Id)];
            return
            [
                .. plain.Diagnostics.Where(diagnostic => refused.Contains(diagnostic.Id)),
                .. refusals.Where(refusal => !refused.Contains(refusal.Id) || !found.Contains(refusal.Id)),
            ];
        }
        finally
        {
            File.Delete(objectFile);
        }
    }

    private static bool Compile(ToolArguments arguments, string objectFile)
    {
        string responseFile = objectFile + ".rsp";
        File.WriteAllLines(responseFile,
        [
            .. File.ReadLines(arguments.CompilerArguments).Where(line => !line.StartsWith("-o:", StringComparison.Ordinal)),
            "-o:" + objectFile, "--codegenopt:JitNoInline=1",
        ]);
        try
        {
            ProcessStartInfo start = new(arguments.Compiler, ["@" + responseFile]) { RedirectStandardOutput = true, RedirectStandardError = true };
            using Process process = Process.Start(start)!;
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginErrorReadLine();
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        finally
        {
            File.Delete(responseFile);
        }
    }
}
