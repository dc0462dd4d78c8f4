using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Sos.Isolated.Tests;

/// <summary>A program that ran.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
internal sealed record Result(int ExitCode, string Output, string Error)
{
    /// <summary>The document that <c>sosctl --json</c> wrote.</summary>
    public JsonElement Json
    {
        get
        {
            using JsonDocument document = JsonDocument.Parse(Output);
            return document.RootElement.Clone();
        }
    }

    /// <summary>Fails the test unless the program succeeded.</summary>
    public Result Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}\n{Output}{Error}");
        return this;
    }
}

/// <summary>Runs programs: sosctl as it was built, and Linux's own.</summary>
internal static class Command
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    public static string Metadata(string key)
        => typeof(Command).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;

    /// <summary>Runs sosctl.</summary>
    public static Result Sosctl(params IEnumerable<string> arguments) => Run(Metadata("Ctl"), arguments);

    /// <summary>Runs sosctl with --json, in a network namespace or in ours.</summary>
    public static Result SosctlJson(string? network, params IEnumerable<string> arguments)
        => network is null
            ? Run(Metadata("Ctl"), [.. arguments, "--json"])
            : Run("ip", ["netns", "exec", network, Metadata("Ctl"), .. arguments, "--json"]);

    /// <summary>Runs a shell command.</summary>
    public static Result Shell(string command) => Run("bash", ["-c", command]);

    /// <summary>Starts a program that goes on; the caller ends it.</summary>
    public static Process Start(string program, params IEnumerable<string> arguments)
        => Process.Start(new ProcessStartInfo(program, arguments)) ?? throw new InvalidOperationException($"{program} did not start");

    /// <summary>Starts sosctl, which goes on; the caller ends it. What it says can be read.</summary>
    public static Process StartSosctl(params IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(Metadata("Ctl"), arguments) { RedirectStandardOutput = true };
        start.Environment["SOS_RUNNER"] = Metadata("Runner");
        return Process.Start(start)!;
    }

    /// <summary>Waits for a condition, generously: a machine under load is no failure.</summary>
    public static void Await(Func<bool> condition, string what)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); !condition(); Thread.Sleep(10))
        {
            Assert.True(waited.Elapsed < Deadline, what);
        }
    }

    private static Result Run(string program, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SOS_RUNNER"] = Metadata("Runner");
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Deadline))
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"{program} {string.Join(' ', start.ArgumentList)} does not end");
        }

        return new Result(process.ExitCode, output.Result, error.Result);
    }
}
