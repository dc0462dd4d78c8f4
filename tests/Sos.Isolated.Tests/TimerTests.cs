using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>The timer service on an isolated core, its broker in sosctl, and programs that know the C header alone.</summary>
public sealed class TimerTests : IsolatedScenario
{
    private const string Program =
        """
        #include <stdio.h>
        #include "sos_timer.h"
        int main(int argc, char **argv)
        {
            struct sos_timer timer;
            int ret = sos_timer_open(&timer, argv[argc - 1]);
            if (ret) { printf("open: %d\n", ret); return 1; }
            if (sos_timer_arm(&timer, 0, SOS_TIMER_MONOTONIC, 0, 1000, 999) != SOS_TIMER_ERROR_BAD_PERIOD) return 2;
            if (sos_timer_arm(&timer, 1, SOS_TIMER_MONOTONIC, 0, 5000000, 5000000)) return 3;
            uint64_t seen = 0;
            for (int i = 0; i < 10; i++) { uint64_t now = sos_timer_spin(&timer, 1, seen); if (now <= seen) return 4; seen = now; }
            uint32_t signal = sos_timer_signal(&timer);
            for (int i = 0; i < 10; i++) { uint32_t now = sos_timer_sleep(&timer, signal, 60000); if (now == signal) return 5; signal = now; }
            puts("works"); fflush(stdout);
            pause();
        }
        """;

    [Fact]
    public void TwoProgramsSpinAndSleepAndTheirTimersGoWithThem()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sos-timer");
        string socket = Path.Combine(folder.FullName, "timer.sock");
        string client = Path.Combine(folder.FullName, "client");
        File.WriteAllText($"{client}.c", Program);
        Command.Shell($"gcc -O1 -I {Command.Metadata("TimerHeaders")} -o {client} {client}.c").Succeeded();
        Reserve();
        using Process serve = Command.StartSosctl("timer", "serve", $"{Cpu}", "--image", Command.Metadata("Timer"), "--socket", socket);
        try
        {
            Command.Await(() => File.Exists(socket) || serve.HasExited, "nobody listens");
            using Process first = Start(client, socket);
            using Process second = Start(client, socket);
            try
            {
                Assert.Equal("works", first.StandardOutput.ReadLine());
                Assert.Equal("works", second.StandardOutput.ReadLine());
                Assert.Equal(2, Stat().GetProperty("clients").GetArrayLength());
                Assert.Equal(2, Stat().GetProperty("armed").GetInt32());
                Assert.Equal(2, Command.SosctlJson(null, "timer", "list").Succeeded().Json.GetProperty("timers").GetArrayLength());
                first.Kill();
                Command.Await(() => Stat().GetProperty("clients").GetArrayLength() == 1, "the timers of a program that was killed stay");
                ulong before = Expirations();
                Command.Await(() => Expirations() > before, "those of the other program stand still");
            }
            finally
            {
                first.Kill();
                second.Kill();
            }

            Command.Shell($"kill -TERM {serve.Id}").Succeeded();
            serve.WaitForExit();
            Assert.Equal((0, "Reserved", false), (serve.ExitCode, State(), File.Exists(socket)));
        }
        finally
        {
            serve.Kill();
            folder.Delete(recursive: true);
        }
    }

    /// <summary>As sosd does it, or a person: another program than the one that serves.</summary>
    [Fact]
    public void TimersGoOnForNewClientsWhenTheServiceIsStartedAgain()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sos-timer");
        string socket = Path.Combine(folder.FullName, "timer.sock");
        string client = Path.Combine(folder.FullName, "client");
        File.WriteAllText($"{client}.c", Program);
        Command.Shell($"gcc -O1 -I {Command.Metadata("TimerHeaders")} -o {client} {client}.c").Succeeded();
        Reserve();
        using Process serve = Command.StartSosctl("timer", "serve", $"{Cpu}", "--image", Command.Metadata("Timer"), "--socket", socket);
        try
        {
            Command.Await(() => File.Exists(socket) || serve.HasExited, "nobody listens");
            Command.SosctlJson(null, "service", "restart", $"{Cpu}").Succeeded();
            Command.Await(() => Works(client, socket), "the service that was started again serves nobody");
            Assert.False(serve.HasExited);
            Command.Shell($"kill -TERM {serve.Id}").Succeeded();
            serve.WaitForExit();
            Assert.Equal((0, "Reserved", false), (serve.ExitCode, State(), File.Exists(socket)));
        }
        finally
        {
            serve.Kill();
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void TimersOutliveTheShellThatStartedThemWhereSosdServesThem()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("sos-timer");
        string socket = Path.Combine(folder.FullName, "timer.sock");
        string client = Path.Combine(folder.FullName, "client");
        File.WriteAllText($"{client}.c", Program);
        Command.Shell($"gcc -O1 -I {Command.Metadata("TimerHeaders")} -o {client} {client}.c").Succeeded();
        try
        {
            Reserve();
            string[] serve = ["timer", "serve", $"{Cpu}", "--image", Command.Metadata("Timer"), "--socket", socket, "--background"];
            Assert.Equal(5, Command.SosctlJson(null, serve).ExitCode); // No sosd runs.
            Assert.Equal("Reserved", State());
            using (Daemon.Start())
            {
                Command.SosctlJson(null, serve).Succeeded();
                Assert.True(Works(client, socket));
                Command.SosctlJson(null, "service", "restart", $"{Cpu}").Succeeded();
                Command.Await(() => Works(client, socket), "the service that was started again serves nobody");
            }

            // Another sosd, after one that was killed, finds the service and serves it.
            using (Daemon.Start())
            {
                Command.Await(() => Works(client, socket), "another sosd does not serve");
                Command.SosctlJson(null, "service", "stop", $"{Cpu}").Succeeded();
                Command.Await(() => !File.Exists(socket), "sosd serves a service that is stopped");
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static bool Works(string client, string socket)
    {
        // One that comes while the former service is still served waits in vain, as its memory is nobody's any more: the next try has the new one's.
        using Process process = Process.Start(new ProcessStartInfo("timeout", ["20", client, socket]) { RedirectStandardOutput = true })!;
        try
        {
            return process.StandardOutput.ReadLine() == "works";
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    private static Process Start(string client, string socket)
        => Process.Start(new ProcessStartInfo(client, [socket]) { RedirectStandardOutput = true })!;

    private static JsonElement Stat() => Command.SosctlJson(null, "timer", "stat").Succeeded().Json;

    private static ulong Expirations()
        => Stat().GetProperty("clients").EnumerateArray().Select(client => client.GetProperty("expirations").GetUInt64()).Single();
}
