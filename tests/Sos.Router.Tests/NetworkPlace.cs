using System;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Threading;

namespace Sos.Router.Tests;

/// <summary>Programs that make networks, and threads that are in one.</summary>
internal static class NetworkPlace
{
    /// <summary>Runs a program to its end, however it ends.</summary>
    /// <returns>What it wrote.</returns>
    public static string Run(string program, string arguments, string input = "")
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    /// <summary>A network namespace as threads enter it.</summary>
    public static string Inode(string name) => Run("ip", $"netns exec {name} readlink /proc/self/ns/net").Trim();

    /// <summary>Does something on a thread of its own: to be in a network namespace is a thread's matter.</summary>
    public static void OnThreadOfItsOwn(Action action)
    {
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }
}
