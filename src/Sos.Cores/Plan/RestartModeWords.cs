using System;
using System.Collections.Generic;

namespace Sos.Cores.Plan;

/// <summary>The words for <see cref="RestartMode"/>, the same in options, files and messages.</summary>
public static class RestartModeWords
{
    private const string Never = "never";
    private const string OnFault = "on-fault";
    private const string Always = "always";

    /// <summary>All of them, in the modes' order.</summary>
    public static IReadOnlyList<string> All { get; } = [Never, OnFault, Always];

    /// <summary>Returns a mode's word.</summary>
    public static string Of(RestartMode mode) => All[(int)mode];

    /// <summary>Returns the mode of a word that is one of <see cref="All"/>; never restarts where there is none.</summary>
    public static RestartMode Parse(string? word) => word switch
    {
        OnFault => RestartMode.OnFault,
        Always => RestartMode.Always,
        null or Never => RestartMode.Never,
        _ => throw new ArgumentException($"\"{word}\" is no restart mode.", nameof(word)),
    };
}
