using System;
using System.Globalization;
using System.IO;
using Sos.Cores.Isolation;
using Xunit;

namespace Sos.Cores.Tests.Isolation;

/// <summary>Whether a process has ended, on a folder laid out as /proc.</summary>
public sealed class ThreadMaskTests : IDisposable
{
    private const int Process = 4711;
    private const ulong Started = 987_654;

    private readonly string _proc = Directory.CreateTempSubdirectory("sos-proc").FullName;

    public void Dispose() => Directory.Delete(_proc, recursive: true);

    [Theory]
    [InlineData('R')]
    [InlineData('S')]
    [InlineData('D')]
    public void AProcessThatRunsOrSleepsHasAStartTime(char state)
    {
        Write(state, Process);
        Assert.Equal(Started, ThreadMask.StartTimeOf(Process, _proc));
    }

    [Fact]
    public void AZombieWithThreadsHasNotEnded()
    {
        Write('Z', Process, Process + 1);
        Assert.Equal(Started, ThreadMask.StartTimeOf(Process, _proc));
    }

    [Fact]
    public void AZombieThatIsItsLastThreadHasEnded()
    {
        Write('Z', Process);
        Assert.Null(ThreadMask.StartTimeOf(Process, _proc));
    }

    [Fact]
    public void AProcessThatIsGoneHasNoStartTime() => Assert.Null(ThreadMask.StartTimeOf(Process, _proc));

    private void Write(char state, params ReadOnlySpan<int> threads)
    {
        string folder = Path.Combine(_proc, Process.ToString(CultureInfo.InvariantCulture));
        foreach (int thread in threads)
        {
            Directory.CreateDirectory(Path.Combine(folder, "task", thread.ToString(CultureInfo.InvariantCulture)));
        }

        // proc(5): pid, name, state, ppid, ..., starttime as field 22; the name may hold spaces and parentheses.
        string between = string.Join(' ', new string('0', 18).ToCharArray());
        File.WriteAllText(Path.Combine(folder, "stat"), $"{Process} (a ) name) {state} {between} {Started} 0 0\n");
    }
}
