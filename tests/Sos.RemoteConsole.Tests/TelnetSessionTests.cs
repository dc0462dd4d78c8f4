using System;
using System.Text;
using Sos.Net;
using Sos.RemoteConsole.Commands;
using Sos.RemoteConsole.Control;
using Sos.RemoteConsole.Telnet;
using Sos.Sdk.Control;
using Sos.Sdk.Services;
using Sos.Sdk.Testing;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>How long a visitor stays who types nothing, with a clock that stands until the test moves it.</summary>
public sealed unsafe class TelnetSessionTests : IDisposable
{
    private const string Password = "open sesame";
    private const int IdleMinutes = 30;

    private readonly ServiceHarness<ConsoleService> _harness = new(new HarnessOptions());
    private readonly StringBuilder _shown = new();
    private ConsoleContext _context;
    private TelnetSession _session;
    private ulong _tsc;

    public TelnetSessionTests()
    {
        ConsoleSettings settings = default;
        Assert.True(PasswordHash.TryParse(Encoding.ASCII.GetBytes(PasswordFile.Hash(Password, iterations: 1)), out settings.Password));
        Assert.Equal(ExitCode.Stopped, ServiceSetup.Create(_harness.Control, out ServiceSetup setup));
        Assert.True(ConsoleContext.TryCreate(ref setup, in settings, out _context));
        _tsc = Tsc.Read();
        _session.Open(ref _context, default, Now);
        Type(Password);
        Await("sos> ");
    }

    private Instant Now => Instant.At(_tsc, _context.TscKhz);

    public void Dispose() => _harness.Dispose();

    [Fact]
    public void WhoTypesNothingForTooLongIsAway()
    {
        Advance(IdleMinutes - 1);
        Assert.False(_session.IsOver);
        Type("version");
        Advance(IdleMinutes - 1);
        Assert.False(_session.IsOver);
        Advance(2);
        Assert.True(_session.IsOver);
        Assert.Contains("Nothing was typed for too long.", _shown.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void WhoWaitsForACommandIsNotAway()
    {
        Type("log -w");
        for (int minute = 0; minute < 2 * IdleMinutes; minute++)
        {
            Advance(1);
        }

        Assert.False(_session.IsOver);
        Type("\u0003", end: "");
        Advance(IdleMinutes - 1);
        Assert.False(_session.IsOver);
        Advance(2);
        Assert.True(_session.IsOver);
    }

    [Fact]
    public void WhoReadsNothingOfACommandIsAway()
    {
        for (int i = 0; i < 100; i++)
        {
            _context.Log.Write(LogSeverity.Notice, "a line of the log, of which a hundred do not fit into what waits for a visitor"u8);
        }

        Type("log -w", reads: false);
        for (int i = 0; i < 100; i++)
        {
            Pass(reads: false);
        }

        Assert.InRange(_context.ShellAt(0).Output.Room, 0, CommandRun.StepSizeMax - 1);
        Advance(IdleMinutes + 1, reads: false);
        Pass(reads: true); // what waited is gone, and so is he
        Assert.True(_session.IsOver);
    }

    private void Type(string line, string end = "\r", bool reads = true)
    {
        ReadOnlySpan<byte> keys = Encoding.ASCII.GetBytes(line + end);
        for (int i = 0; !keys.IsEmpty; i++)
        {
            Assert.True(i < 1000, "keys are not taken");
            keys = keys[_session.Receive(ref _context, keys, Now)..];
            Pass(reads);
        }
    }

    private void Await(string text)
    {
        for (int i = 0; !_shown.ToString().Contains(text, StringComparison.Ordinal); i++)
        {
            Assert.True(i < 1000, $"'{_shown}' has no '{text}'");
            Pass(reads: true);
        }
    }

    private void Advance(int minutes, bool reads = true)
    {
        _tsc += (ulong)minutes * 60_000 * _context.TscKhz;
        Pass(reads);
    }

    private void Pass(bool reads)
    {
        _tsc++;
        _context.Poll(_tsc);
        byte[] space = new byte[reads ? 8192 : 0];
        _shown.Append(Encoding.Latin1.GetString(space, 0, _session.Send(ref _context, space, Now)));
    }
}
