using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Sos.RemoteConsole.Commands;

/// <summary>The memory of a command that runs. It is zero at the command's first step.</summary>
internal struct CommandState
{
    /// <summary>Numbers that a command may keep beside <see cref="Step"/>.</summary>
    public const int NumbersMax = 16;

    private Numbers _numbers;

    /// <summary>How far the command is, in a measure of its own: a row's index, an address, a phase.</summary>
    public ulong Step;

    /// <summary>Rows that were written.</summary>
    public ulong Rows;

    /// <summary>The status that <c>ssh</c> returns: 0 when all is well.</summary>
    public uint ExitStatus;

    /// <summary>Whether the visitor leaves with the command's end.</summary>
    public bool Leaves;

    /// <summary>Whether it is to be JSON.</summary>
    public bool IsJson;

    /// <summary>Numbers that the command keeps.</summary>
    [UnscopedRef]
    public Span<ulong> Kept => _numbers;

    [InlineArray(NumbersMax)]
    private struct Numbers
    {
        private ulong _first;
    }
}
