using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Cores;

/// <summary>How a core is kept from Linux.</summary>
public enum BackEndKind
{
    /// <summary>Unplugged, running the monitor; needs the driver.</summary>
    Offline = 0,

    /// <summary>Linux keeps it, but lets nothing run there; the service is a process. Needs root alone.</summary>
    Isolated = 1,

    /// <summary>Not at all: the service is a process among others, of a program that measures or tests, and ends with it. Needs nothing.</summary>
    Process = 2,
}

/// <summary>The kinds of back ends in words, and the differences of theirs that the rest of the control plane asks for. Nothing else names a kind.</summary>
public static class BackEndKinds
{
    private static readonly string[] Names = ["offline", "isolated", "process"];

    /// <summary>The kind that is meant where nobody says another.</summary>
    public const BackEndKind Default = BackEndKind.Offline;

    /// <summary>The kind by which a plan is checked whose back end is not known: of those that can be chosen, it grants a service less.</summary>
    public const BackEndKind Assumed = BackEndKind.Isolated;

    /// <summary>The words for the kinds that a service can be enabled on: their cores outlive the program that reserved them.</summary>
    public static IReadOnlyList<string> Words { get; } = [.. Enum.GetValues<BackEndKind>().Where(OutlivesPrograms).Select(Word)];

    /// <summary>Returns the word for a kind, the same in files, options and messages.</summary>
    public static string Word(this BackEndKind kind) => Names[(int)kind];

    /// <summary>Returns the kind of a word; null for any other.</summary>
    public static BackEndKind? Parse(string? word) => Array.IndexOf(Names, word) is var kind and >= 0 ? (BackEndKind)kind : null;

    /// <summary>Returns whether a core leaves Linux, with the cards of its service; else Linux keeps both, and lends them.</summary>
    public static bool LeavesLinux(this BackEndKind kind) => kind == BackEndKind.Offline;

    /// <summary>Returns whether a core, and what runs there, outlives the program that reserved it; else both are that program's alone.</summary>
    public static bool OutlivesPrograms(this BackEndKind kind) => kind != BackEndKind.Process;
}
