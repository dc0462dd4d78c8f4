using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Net;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Services;
using Sos.Sdk.Testing;
using Sos.Sdk.Time;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>Strangers write little into the log, and cannot hide by much that they fail to log in.</summary>
public sealed unsafe class StrangerLinesTests : IDisposable
{
    // More than may be saved up, and less than the log has. What comes with time is a line a minute.
    private const int SavedMax = 32;
    private const int LinesMax = SavedMax + 16;

    private readonly ServiceHarness<ConsoleService> _harness = new(new HarnessOptions());
    private ConsoleContext _context;

    public StrangerLinesTests()
    {
        Assert.Equal(ExitCode.Stopped, ServiceSetup.Create(_harness.Control, out ServiceSetup setup));
        Assert.True(ConsoleContext.TryCreate(ref setup, default, out _context));
    }

    public void Dispose() => _harness.Dispose();

    [Fact]
    public void NoiseHidesNoFailureAndFailuresDoNotFlushTheLog()
    {
        int user = Enter();
        _context[user].IsLoggedIn = true;
        int stranger = Enter();
        _context.LogVisitor(LogSeverity.Notice, "logged in from "u8, user);
        for (int i = 0; i < 1000; i++)
        {
            _context.LogVisitor(LogSeverity.Informational, "noise of "u8, stranger);
        }

        for (int i = 0; i < 1000; i++)
        {
            _context.LogVisitor(LogSeverity.Warning, "failure of "u8, stranger);
        }

        _context.LogVisitor(LogSeverity.Notice, "logged out from "u8, user);
        IReadOnlyList<LogEntry> log = _harness.TakeLog();
        Assert.InRange(Count(log, "noise"), SavedMax, LinesMax);
        Assert.InRange(Count(log, "failure"), SavedMax, LinesMax);
        Assert.Equal(2, Count(log, "logged"));
        Assert.Equal((ulong)(2000 - Count(log, "noise") - Count(log, "failure")), _harness.Counter("console.unlogged"));
    }

    private static int Count(IReadOnlyList<LogEntry> log, string text) => log.Count(entry => entry.Text.StartsWith(text, StringComparison.Ordinal));

    private int Enter() => _context.Enter(default, Instant.At(Tsc.Read(), _context.TscKhz));
}
