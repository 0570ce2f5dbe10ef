"""The GICS sector of companies in categories that span sectors, and of those that break their category's rule.

Facts of ours, as of the GICS structure in force since March 2023. A ticker alone names no company for good, so each
holds only together with the broker's industry for it; a company whose sector we are not sure of is listed as unknown,
which is better than its category's.
"""

from collections.abc import Mapping
from types import MappingProxyType

from app.domain.instrument import UNKNOWN_SECTOR

_COMPANIES = {
    "Advertising": {
        "Communication Services": "ADV CCO CDLX CRTO MGNI NCMI QNST STGW",
        "Information Technology": "APPS DV",
        "Real Estate": "LAMR OUT",
    },
    "Aerospace/Defense": {
        "Information Technology": "TDY",
    },
    "Agriculture": {
        "Health Care": "ACB CGC CRON OGI SNDL TLRY",
    },
    "Apparel": {
        UNKNOWN_SECTOR: "FIGS",
    },
    "Auto Manufacturers": {
        "Industrials": "BLBD HYLN NKLA OSK PCAR REVG WKHS",
    },
    "Auto Parts&Equipment": {
        "Industrials": "ALSN BLBD CVGI HYLN MLR MTOR PLOW SHYF TWI WBC WNC",
        UNKNOWN_SECTOR: "ATMU MOD MVST SLDP",
    },
    "Biotechnology": {
        "Materials": "CTVA",
    },
    "Building Materials": {
        "Consumer Discretionary": "BLD IBP",
        "Industrials": "FBIN MAS UFPI",
        "Materials": "KNF LPX",
        UNKNOWN_SECTOR: "PATK",
    },
    "Chemicals": {
        "Consumer Staples": "WDFC",
        "Energy": "GEVO",
        "Information Technology": "ENTG",
        UNKNOWN_SECTOR: "LWLG",
    },
    "Coal": {
        "Energy": "ARLP BTU CEIX CNR NRP",
        "Materials": "AMR HCC METC SXC",
    },
    "Commercial Services": {
        "Consumer Discretionary": "AAN BID CSV EDU FTDR HRB MNRO RCII SCI UPBD WW",
        "Financials": "AFRM CPAY ECPG EEFT FI FIS FISV FLT FLYW FOUR GPN MA MCO MORN MQ PAGS PAYO PRAA PSFE "
        "PYPL RELY RPAY SEIC SPGI SQ STNE TOSTDLO WEX WU XYZ",
        "Health Care": "AMN ASTH CCRN CRL CRVL HQY ICLR IQV MEDP PGNY PRAH SYNH",
        "Industrials": "ABM ADP ALIT BCO BR CBZ CLVT CNDT CPRT CTAS CXW DLXVVI EFX EXPO GEO MG MMS NSP PAYX "
        "RBA ROL RTO TNET TRU UNF VRRM VRSK",
        "Information Technology": "IT",
        "Real Estate": "CIGI CSGP FSV",
        UNKNOWN_SECTOR: "ADT DRVN HI MATW PRG",
    },
    "Computers": {
        "Consumer Discretionary": "HEAR TBCH",
        "Health Care": "OMCL",
        "Industrials": "ADP BAH CACI CNDT CNXC DM EXLS G LDOS MMS PAYX PSN SAIC TASK TTEC WNS",
        "Information Technology": "ACN CTSH DBD DXC EPAM FIVN GIB GLOB IBM INFY IT KD NTNX TDC UIS WIT",
        UNKNOWN_SECTOR: "DDD NNDM SSYS",
    },
    "Cosmetics/Personal Care": {
        UNKNOWN_SECTOR: "SKIN",
    },
    "Distribution/Wholesale": {
        "Consumer Discretionary": "GPC LKQ POOL",
        "Industrials": "AIT BECN BXC CNM CPRT DSGR DXPE FAST FERG GIC GMS GWW HEES MSM SITE TITN WCC WSO",
        "Information Technology": "NSIT SCSC SNX",
    },
    "Diversified Finan Serv": {
        "Health Care": "HQY",
        "Industrials": "AER AL FTAI GATX WAGE WLFC",
        "Information Technology": "CIFR CLSK CORZ IREN MARA RIOT WULF",
        UNKNOWN_SECTOR: "BITF BTDR HIVE HUT",
    },
    "Electric": {
        UNKNOWN_SECTOR: "NNE",
    },
    "Electrical Compo&Equip": {
        "Consumer Staples": "ENR",
        "Industrials": "AME ATKR AYI AZZ EMR ENS ENVX EOSE GNRC HUBB NVT PLPC POWL THR VRT WIRE",
        "Information Technology": "AEIS BDC LFUS NOVT OLED",
    },
    "Electronics": {
        "Consumer Discretionary": "GNTX GRMN",
        "Health Care": "A AVTR BIO BRKR MTD PKI RVTY TMO WAT",
        "Industrials": "ALLE AOS ATMU EMR FTV GNRC HON HUBB NVT PH PNR ROK ST WTS WWD",
        "Information Technology": "APH BDC BHE BMI CGNX CLS DLBALRM FLEX FLIR GLW IPGP ITRI JBL KEYS KN LFUS MEI NOVT "
        "NSSC OSIS PLXS ROG SANM TDY TEL TRMB VNT VSH ZBRA",
    },
    "Energy-Alternate Sources": {
        "Energy": "CLNE GEVO GPRE REGI REX",
        "Industrials": "ARRY BE BLDP FCEL FLNC NXT PLUG RUN SHLS STEM TPIC",
        "Information Technology": "CSIQ DQ ENPH FSLR JKS MAXN SEDG",
        "Utilities": "AY BEP BEPC CWEN NEP ORA XIFR",
    },
    "Engineering&Construction": {
        "Consumer Discretionary": "BLD IBP",
        "Utilities": "BIP BIPC",
    },
    "Entertainment": {
        "Communication Services": "FWONA FWONK LLYVA LLYVK LYV MSGE MSGS SPHR TKO WMG",
        "Consumer Discretionary": "CHDN DKNG FLUT PENN",
    },
    "Environmental Control": {
        "Industrials": "AQUA CECO ERII PNR TTEK VLTO ZWS",
        "Utilities": "CWCO",
    },
    "Food": {
        "Consumer Discretionary": "NATH",
        "Materials": "IFF SXT",
    },
    "Gas": {
        "Energy": "CLNE CQP EE GLNG LNG NEXT NFE OKE TELL",
    },
    "Holding Companies-Divers": {
        "Financials": "L",
        "Industrials": "IEP",
    },
    "Home Builders": {
        "Real Estate": "FOR FPH",
    },
    "Home Furnishings": {
        "Industrials": "AMWD AOS HNI MBC MLKN SCS",
        "Information Technology": "DLB XPER",
    },
    "Household Products/Wares": {
        "Consumer Discretionary": "HELE TUMI",
        "Consumer Staples": "CHD CLX KMB REYN SPB WDFC",
        "Industrials": "ACCO",
        "Materials": "AVY",
    },
    "Housewares": {
        "Consumer Discretionary": "HELE NWL TUP",
        "Consumer Staples": "CENT CENTA",
        "Industrials": "TTC",
        "Materials": "SMG",
    },
    "Insurance": {
        "Health Care": "ALHC BHG CLOV CRVL OSCR",
    },
    "Internet": {
        "Communication Services": "ANGI BIDU BMBL CARG CARS EVER GRND IAC IQ JOYY MTCH NTES PINS RDDT SNAP SPOT TCEHY "
        "TRUEZD TTD TZOO WB YELP YY ZH",
        "Consumer Discretionary": "ABNB BKNG CHGG CHWY COUR DASH DKNG EBAY EXPE GRPN MMYT RSI TCOM UDMY W",
        "Consumer Staples": "CART DDL HNST",
        "Financials": "FUTU HOOD KSPI LC QFIN TREE",
        "Health Care": "GDRX HIMS",
        "Industrials": "DIDIY GRAB LQDT LYFT LZ UBER UPWK YMM ZIP ZKH",
        "Information Technology": "AKAM BOX CNXN DBX DOCN DOCU EGHT FSLY GDS KC NET OKTA OOMA PANW PLUS RNG SHOP SPLK "
        "TWLO VNET WIX ZS",
        "Real Estate": "BEKE CSGP RDFN Z ZG",
        UNKNOWN_SECTOR: "APRN BZ CONE DADA EB GAMB GENI GROV NBIS OPEN OPRA PETS SE SRAD SSTK STUB TRVG VMEO",
    },
    "Investment Companies": {
        "Financials": "ARCC BXSL CSWC FSK GBDC GLAD HTGC MAIN NMFC OAK OBDC OCSL ORCC PSEC TCPC TSLX",
        "Information Technology": "CIFR CLSK CORZ IREN MARA RIOT WULF",
    },
    "Iron/Steel": {
        "Industrials": "ATI",
        UNKNOWN_SECTOR: "CRS",
    },
    "Leisure Time": {
        "Industrials": "SPCE",
        UNKNOWN_SECTOR: "GBTG",
    },
    "Machinery-Diversified": {
        "Energy": "USAC",
        "Health Care": "AZTA",
        "Information Technology": "CGNX NOVT ROP ZBRA",
        UNKNOWN_SECTOR: "CLIR CXT EVAC",
    },
    "Media": {
        "Consumer Discretionary": "GHC",
        "Financials": "VALU",
        "Industrials": "RELX TRI WTKWY",
        UNKNOWN_SECTOR: "DJCO PSO",
    },
    "Metal Fabricate/Hardware": {
        "Energy": "TS",
        "Industrials": "HWM MLI PCP RBC TKR VMI",
        "Materials": "MTRN RS RYI",
        UNKNOWN_SECTOR: "CRS",
    },
    "Mining": {
        "Energy": "CCJ DNN LEU NXE UEC URG UUUU",
        "Industrials": "LXFR",
        "Materials": "MP",
    },
    "Miscellaneous Manufactur": {
        "Consumer Discretionary": "AOUT POWW RGR SWBI VSTO",
        "Health Care": "DHR",
        "Industrials": "ACA AXON CSL DOV ETN FSS GE GFF HON HWM IR ITT ITW MMM PH SIEGY TRN TXT",
        "Information Technology": "TDY",
        "Materials": "DD MYE",
        UNKNOWN_SECTOR: "CXT",
    },
    "Office/Business Equip": {
        "Industrials": "PBI",
        "Information Technology": "CAJ XRX ZBRA",
    },
    "Oil&Gas Services": {
        "Industrials": "DNOW MRC",
    },
    "Packaging&Containers": {
        "Consumer Staples": "REYN",
        "Health Care": "UFPT",
    },
    "Pharmaceuticals": {
        "Consumer Staples": "BRBR HLF KVUE LFVN MJN MTEX NATR NGVC NUS USNA",
        UNKNOWN_SECTOR: "HLN PETS",
    },
    "REITS": {
        "Financials": "ABR ACRE AFCG AGNC ARI ARR BRSP BXMT CHMI CIM DX EFC FBRT GPMT HASI IVR KREF LADR "
        "MFA MITT NLY NREF NYMT ORC PMT RC REFI RITM RWT SEVN STWD TRTX TWO",
        UNKNOWN_SECTOR: "UNIT",
    },
    "Real Estate": {
        "Consumer Discretionary": "HGV TNL VAC",
        "Energy": "TPL",
        "Financials": "BAM BN",
    },
    "Retail": {
        "Consumer Discretionary": "BIG BURL FIVE MUSA ODP OLLI ROST TJX WINA",
        "Consumer Staples": "BJ CASY COST DG DLTR PSMT TGT WMT",
        "Industrials": "BECN BLDR BMCH GIC GMS HEES RUSHA RUSHB SITE SYX TITN",
        "Information Technology": "CNXN NSIT PLUS SCSC",
        "Utilities": "APU FGP SGU SPH",
    },
    "Semiconductors": {
        "Consumer Discretionary": "MBLY",
        "Health Care": "AZTA",
    },
    "Software": {
        "Communication Services": "ATVI BMBL DJT EA GRND MTCH PLTK RBLX RUM SKLZ TTD TTWO ZI",
        "Consumer Discretionary": "ABNB CHGG COUR DASH DUOL UDMY",
        "Financials": "AFRM AVDX COIN EVTC FDS FI FIS FISV FLYW FOUR GPN JKHY MSCI PAY PAYO PSFE RPAY SEIC "
        "SOFI TOST UPST XYZ",
        "Health Care": "AMWL CERT DH EVH GDRX HCAT IQV OMCL OPRX PHR SDGR SLP TBRG VEEV",
        "Industrials": "ADP BR CDAY CLVT CNDT CSGS DAY DNB EXLS LYFT PAYC PAYX PCTY PYCR SSNC UBER VRSK WNS",
        "Information Technology": "ACIW AKAM ALKT APP BL DBX DOCU GWRE INST MSTR PWSC QTWO ROP U",
        "Real Estate": "CSGP",
        UNKNOWN_SECTOR: "ENV RDVT",
    },
    "Storage/Warehousing": {
        "Industrials": "MINI WSC",
    },
    "Telecommunications": {
        "Communication Services": "ASTS ATEX CCOI GOGO GSAT IDT IHS IRDM LBTYA LBTYB LBTYK LILA LILAK LUMN "
        "SHEN TDS USM",
        "Information Technology": "COMM GILT MSI VSAT",
        "Real Estate": "AMT CCI SBAC",
        UNKNOWN_SECTOR: "SATS TSAT",
    },
    "Transportation": {
        "Energy": "ASC DHT DLNG EURN FLNG FRO GASS GLNG GLOP HAFN INSW LPG NAT NVGS STNG TEN TNK TNP TRMD",
        "Industrials": "CMRE DAC EGLE GNK GSL KEX MATX SBLK ZIM",
    },
}

COMPANIES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        industry: {symbol: sector for sector, row in rows.items() for symbol in row.split()}
        for industry, rows in _COMPANIES.items()
    }
)
"""Industry → symbol → GICS sector, "Unknown" where we are not sure."""
