using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace Sos.Traffic.Clients;

/// <summary>
/// <c>sos-traffic clients</c>: the good clients. Once each kind of request was served, they print <c>begin</c> and run
/// until their time is over; they print one line a second on standard output (<c>SERVED ASKED</c>, so far), and in the end
/// write each request to a file, one JSON object a line.
/// </summary>
internal static class ClientsCommand
{
    /// <summary>A user gives up, or reloads, after about a second.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);

    /// <summary>The first request of each kind pays for key exchange, address resolution and compilation here.</summary>
    private static readonly TimeSpan FirstLimit = TimeSpan.FromSeconds(20);

    private const double HttpPerSecond = 10;
    private const double PingsPerSecond = 10;
    private const double KeystrokesPerSecond = 5;
    private const ushort HttpPort = 80;

    /// <summary>Runs.</summary>
    /// <param name="arguments">MACHINE-IP PAGE PAGE-LENGTH SECONDS RESULT-FILE SESSION-COMMAND...</param>
    public static int Run(string[] arguments)
    {
        if (arguments.Length < 6)
        {
            Console.Error.WriteLine(
                "usage: sos-traffic clients MACHINE-IP PAGE PAGE-LENGTH SECONDS RESULT-FILE SESSION-COMMAND...");
            return 2;
        }

        return RunAsync(
            IPAddress.Parse(arguments[0]),
            arguments[1],
            int.Parse(arguments[2], CultureInfo.InvariantCulture),
            TimeSpan.FromSeconds(double.Parse(arguments[3], CultureInfo.InvariantCulture)),
            arguments[4],
            arguments[5..]).GetAwaiter().GetResult() ? 0 : 1;
    }

    private static async Task<bool> RunAsync(
        IPAddress machine, string page, int pageLength, TimeSpan duration, string resultFile, string[] session)
    {
        HttpClient http = new(new IPEndPoint(machine, HttpPort), page, pageLength);
        using PingClient ping = new(machine);
        using SessionClient keyboard = new(session);
        if (!await WarmUpAsync(http, ping, keyboard))
        {
            return false;
        }

        Console.WriteLine(ClientsStart.Line);
        Stopwatch clock = Stopwatch.StartNew();
        OpenLoop loop = new(clock, Deadline);
        Task all = Task.WhenAll(
            loop.RunAsync(RequestKind.Http, HttpPerSecond, duration, (_, cancelled) => http.AskAsync(cancelled)),
            loop.RunAsync(RequestKind.Ping, PingsPerSecond, duration, ping.AskAsync),
            loop.RunAsync(RequestKind.Keystroke, KeystrokesPerSecond, duration, keyboard.AskAsync));
        while (await Task.WhenAny(all, Task.Delay(TimeSpan.FromSeconds(1))) != all)
        {
            IReadOnlyCollection<Request> done = loop.Done;
            Console.WriteLine($"{done.Count(request => request.Served)} {done.Count}");
        }

        await all;
        await File.WriteAllLinesAsync(
            resultFile,
            loop.Done.OrderBy(request => request.StartS)
                .Select(request => JsonSerializer.Serialize(request, TrafficJson.Default.Request)));
        return true;
    }

    private static async Task<bool> WarmUpAsync(HttpClient http, PingClient ping, SessionClient keyboard)
    {
        // Numbers that no later request has: an answer that comes late is nobody's.
        (RequestKind, Func<CancellationToken, Task<bool>>)[] first =
        [
            (RequestKind.Ping, limit => ping.AskAsync(ushort.MaxValue, limit)),
            (RequestKind.Http, http.AskAsync),
            (RequestKind.Keystroke, limit => keyboard.AskAsync(long.MaxValue, limit)),
        ];
        foreach ((RequestKind kind, Func<CancellationToken, Task<bool>> ask) in first)
        {
            using CancellationTokenSource limit = new(FirstLimit);
            if (!await ask(limit.Token))
            {
                Console.Error.WriteLine($"sos-traffic: no answer to the first {kind} within {FirstLimit.TotalSeconds:0} s");
                return false;
            }
        }

        return true;
    }
}
