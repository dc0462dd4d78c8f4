using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Net;
using Sos.RemoteConsole.Commands;
using Sos.RemoteConsole.Shell;
using Sos.Sdk.Control;
using Sos.Sdk.Services;
using Sos.Sdk.Testing;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>Runs commands of the console on a Linux that a test makes up, as <c>ssh console COMMAND</c> does.</summary>
internal sealed unsafe class ViewShell : IDisposable
{
    /// <summary>Steps that no command of a test takes.</summary>
    private const int StepsMax = 100_000;

    private readonly ServiceHarness<ConsoleService> _harness = new(new HarnessOptions());
    private ConsoleContext _context;
    private CommandShell _shell;
    private ulong _tsc;

    /// <summary>Makes one.</summary>
    /// <param name="linux">The Linux to look at; null for a console without a view.</param>
    /// <param name="panic">The record of its panic, or null.</param>
    /// <param name="actions">The actions that are granted.</param>
    public ViewShell(SyntheticLinux? linux, SyntheticPanic? panic = null, ulong actions = 0)
    {
        if (actions != 0)
        {
            _harness.Give(new Resource { Kind = ResourceKind.Actions, Aux = actions });
        }

        if (linux is not null && panic is not null)
        {
            _harness.Give(new Resource
            {
                Kind = ResourceKind.LinuxPanic,
                Address = (ulong)linux.Window + panic.Physical,
                ByteCount = LinuxPanicLayout.HeaderSize,
            });
        }

        if (linux is not null)
        {
            _ = linux.Open();
            _harness.Give(new Resource
            {
                Kind = ResourceKind.LinuxMemory,
                Address = (ulong)linux.Window,
                ByteCount = SyntheticLinux.RangeStart + SyntheticLinux.RangeSize,
                Aux = (ulong)linux.Ranges,
            });
            _harness.Give(new Resource { Kind = ResourceKind.LinuxSymbols, Address = (ulong)linux.SymbolsAddress, ByteCount = linux.SymbolsSize });
        }

        Assert.Equal(ExitCode.Stopped, ServiceSetup.Create(_harness.Control, out ServiceSetup setup));
        Assert.True(ConsoleContext.TryCreate(ref setup, default, out _context));
        _tsc = Tsc.Read();
    }

    /// <summary>The status of the last command.</summary>
    public uint Status => _shell.ExitStatus;

    /// <summary>Runs between two steps of a command: what Linux does meanwhile.</summary>
    public Action<int>? Meanwhile { get; set; }

    /// <summary>Runs a command to its end.</summary>
    /// <returns>What it wrote.</returns>
    public string Run(string line)
    {
        _shell.Reset();
        _shell.Execute(Encoding.ASCII.GetBytes(line), hasTerminal: false);
        StringBuilder text = new();
        for (int i = 0; !_shell.IsOver; i++)
        {
            Assert.True(i < StepsMax, $"{line} does not end");
            Step(text);
            Meanwhile?.Invoke(i);
        }

        Step(text);
        return text.ToString();
    }

    /// <summary>Runs a command that writes bytes.</summary>
    public byte[] RunBytes(string line) => Encoding.Latin1.GetBytes(Run(line));

    /// <summary>Lets time pass: it stands still else.</summary>
    public void Advance(TimeSpan time) => _tsc += (ulong)time.TotalNanoseconds;

    /// <summary>Begins a command that waits for more.</summary>
    public void Begin(string line)
    {
        _shell.Reset();
        _shell.Execute(Encoding.ASCII.GetBytes(line), hasTerminal: false);
    }

    /// <summary>Types a line to a command that asks, and goes on.</summary>
    /// <returns>What it wrote.</returns>
    public string Answer(string line)
    {
        StringBuilder text = new();
        foreach (byte key in Encoding.ASCII.GetBytes(line + "\n"))
        {
            Assert.True(_shell.TakesKeys, "the command does not ask");
            _shell.Take(key);
            Step(text);
        }

        return text + GoOn();
    }

    /// <summary>Whether the command is done.</summary>
    public bool IsOver => _shell.IsOver;

    /// <summary>The time.</summary>
    public ulong NowTsc => _tsc;

    /// <summary>Whether the console takes leave of all who are connected.</summary>
    public bool EndsConnections => _context.Reset.EndsConnections;

    /// <summary>Returns the lines that the log has got since the last call.</summary>
    public IEnumerable<string> TakeLog() => _harness.TakeLog().Select(entry => entry.Text);

    /// <summary>Nobody types any more.</summary>
    public void EndInput() => _shell.EndInput();

    /// <summary>Goes on with a command, some passes long.</summary>
    /// <returns>What it wrote.</returns>
    public string GoOn(int passes = 200)
    {
        StringBuilder text = new();
        for (int i = 0; i < passes; i++)
        {
            Step(text);
        }

        return text.ToString();
    }

    public void Dispose() => _harness.Dispose();

    private void Step(StringBuilder text)
    {
        _context.Poll(_tsc);
        _shell.Run(ref _context, 0, Instant.At(_tsc, _context.TscKhz));
        Span<byte> space = stackalloc byte[4096];
        int count = _shell.Output.Take(space);
        Assert.InRange(count, 0, 4 * CommandRun.StepSizeMax);
        text.Append(Encoding.Latin1.GetString(space[..count]));
    }
}
