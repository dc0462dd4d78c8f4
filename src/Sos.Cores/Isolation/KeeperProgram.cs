using System;
using System.Collections.Generic;
using System.IO;
using Sos.Cores.InProcess;

namespace Sos.Cores.Isolation;

/// <summary>
/// The program that keeps leases and fences after the program that reserved a core has ended. A program that reserves cores or starts services says
/// which one that is before it does so: usually it is the program itself, by a command of its own.
/// </summary>
/// <param name="Path">The program's file.</param>
/// <param name="Arguments">The arguments in front of the keeper's command.</param>
public sealed record KeeperProgram(string Path, IReadOnlyList<string> Arguments)
{
    /// <summary>The keeper program of this process; null as long as none was named.</summary>
    public static KeeperProgram? Current { get; set; }

    /// <summary>Makes this very program the keeper.</summary>
    /// <param name="arguments">The arguments in front of the keeper's command.</param>
    public static KeeperProgram Own(params IReadOnlyList<string> arguments)
    {
        string path = Environment.ProcessPath ?? throw new InvalidOperationException("this process has no file");
        return System.IO.Path.GetFileNameWithoutExtension(path) == "dotnet"
            ? new KeeperProgram(path, [System.IO.Path.GetFullPath(Environment.GetCommandLineArgs()[0]), .. arguments])
            : new KeeperProgram(path, arguments);
    }

    /// <summary>Starts a keeper, which outlives this program.</summary>
    /// <param name="command">Its command, and what that takes.</param>
    /// <exception cref="SosException">It could not be started, or no program was named.</exception>
    internal static void Start(params IReadOnlyList<string> command)
    {
        KeeperProgram keeper = Current ?? throw new SosException(
            SosError.Failed,
            $"{System.IO.Path.GetFileName(Environment.ProcessPath)} names no program that keeps leases and fences: reserve the core by 'sosctl'");
        if (!File.Exists(keeper.Path))
        {
            throw new SosException(SosError.NotFound, $"{keeper.Path} keeps leases and fences, and is gone: 'make install', or the package, puts it there");
        }

        _ = RunnerProcess.Spawn(keeper.Path, [.. keeper.Arguments, .. command]);
    }
}
